// The command lines of etcd and kube-apiserver for tests. Flags that are not named here keep their
// defaults on purpose (watch cache, anonymous requests, feature gates): the defaults are what
// Watershed meets in the field.

import { join } from 'node:path';
import type { Certificates } from './certificates.ts';

export function etcdFlags(options: {
  readonly directory: string;
  /** Names its folder of data. */
  readonly name: string;
  readonly clientPort: number;
  readonly peerPort: number;
}): string[] {
  const client = `http://127.0.0.1:${options.clientPort}`;
  const peer = `http://127.0.0.1:${options.peerPort}`;
  return [
    '--name=test',
    `--data-dir=${join(options.directory, options.name)}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=test=${peer}`,
    // The data is thrown away; waiting for the disk would only slow writers down.
    '--unsafe-no-fsync',
    `--quota-backend-bytes=${8 * 1024 ** 3}`,
    '--log-level=warn',
  ];
}

export function apiserverFlags(options: {
  readonly etcdPort: number;
  readonly port: number;
  readonly tokenFile: string;
  readonly certificates: Certificates;
  /** `group/resource#url` of resources that live in another etcd. */
  readonly overrides: readonly string[];
}): string[] {
  const { certificates, overrides } = options;
  return [
    `--etcd-servers=http://127.0.0.1:${options.etcdPort}`,
    ...(overrides.length === 0 ? [] : [`--etcd-servers-overrides=${overrides.join(',')}`]),
    '--bind-address=127.0.0.1',
    `--secure-port=${options.port}`,
    // Nothing routes to the `kubernetes` service here, and its reconciler refuses a loopback address.
    '--advertise-address=127.0.0.1',
    '--endpoint-reconciler-type=none',
    `--tls-cert-file=${certificates.serving.certFile}`,
    `--tls-private-key-file=${certificates.serving.keyFile}`,
    `--client-ca-file=${certificates.clientAuthority.certFile}`,
    `--token-auth-file=${options.tokenFile}`,
    '--authorization-mode=Node,RBAC',
    // Pods can then be created with no controller that makes service accounts.
    '--disable-admission-plugins=ServiceAccount',
    '--service-cluster-ip-range=10.0.0.0/16',
    ...serviceAccountFlags(certificates),
    ...frontProxyFlags(certificates),
  ];
}

function serviceAccountFlags(certificates: Certificates): string[] {
  return [
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${certificates.serviceAccountPublicKeyFile}`,
    `--service-account-signing-key-file=${certificates.serviceAccountKeyFile}`,
  ];
}

function frontProxyFlags(certificates: Certificates): string[] {
  return [
    `--requestheader-client-ca-file=${certificates.frontProxyAuthority.certFile}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-uid-headers=X-Remote-Uid',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    `--proxy-client-cert-file=${certificates.frontProxy.certFile}`,
    `--proxy-client-key-file=${certificates.frontProxy.keyFile}`,
  ];
}
