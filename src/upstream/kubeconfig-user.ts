/**
 * The `user` part of a kubeconfig: how the proxy itself is to authenticate.
 *
 * Reads client certificates, tokens, token files, exec plugins and impersonation; refuses what is
 * not supported (passwords, auth providers) and what contradicts itself, naming the field.
 */

import { dirname, resolve } from 'node:path';
import { Secret } from './cluster-config.ts';
import type { ExecPlugin, Impersonation, ReaderIdentity } from './cluster-config.ts';
import { pemSource } from './kubeconfig-fields.ts';
import type { Fields } from './kubeconfig-fields.ts';

/** Exec API versions that @kubernetes/client-node and client-go both speak. */
const EXEC_VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'];

/** Throws KubeconfigError; the returned secrets are wrapped. */
export function readUser(user: Fields): ReaderIdentity {
  refuseUnsupported(user);
  const clientCertificate = pemSource(user, 'client-certificate');
  const clientKey = pemSource(user, 'client-key');
  if (clientCertificate !== undefined && clientKey === undefined) {
    throw user.error(
      'client-key',
      'missing; client-certificate needs client-key or client-key-data',
    );
  }
  if (clientKey !== undefined && clientCertificate === undefined) {
    const problem = 'missing; client-key needs client-certificate or client-certificate-data';
    throw user.error('client-certificate', problem);
  }
  const tokenFile = user.text('tokenFile');
  const exec = user.has('exec') ? readExec(user.child('exec')) : undefined;
  return {
    clientCertificate,
    clientKey,
    token: readToken(user),
    tokenFile: tokenFile === '' ? undefined : resolve(dirname(user.file), tokenFile),
    exec,
    impersonate: readImpersonation(user),
  };
}

function refuseUnsupported(user: Fields): void {
  for (const name of ['username', 'password']) {
    if (user.has(name)) {
      const problem = 'kube-apiserver has no password login; use a token or a client certificate';
      throw user.error(name, problem);
    }
  }
  if (user.has('auth-provider')) {
    const problem =
      'auth providers were removed from Kubernetes in 1.26; use an exec plugin instead';
    throw user.error('auth-provider', problem);
  }
}

function readToken(user: Fields): Secret | undefined {
  const token = user.text('token');
  if (token === '') {
    return undefined;
  }
  if (!isHeaderText(token)) {
    throw user.error('token', 'expected one line of printable characters');
  }
  return new Secret(token);
}

/** Whether the text may stand in a header: printable ASCII without blanks at the ends. */
export function isHeaderText(text: string): boolean {
  return /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text);
}

function readImpersonation(user: Fields): Impersonation | undefined {
  const name = user.text('as');
  const groups = user.texts('as-groups');
  const uid = user.text('as-uid');
  const extra = user.textLists('as-user-extra');
  if (name === '') {
    if (groups.length > 0 || uid !== '' || extra.length > 0) {
      throw user.error('as', 'missing; as-groups, as-uid and as-user-extra need a user to act as');
    }
    return undefined;
  }
  for (const text of [name, uid, ...groups, ...extra.flatMap((item) => item.values)]) {
    if (text !== '' && !isHeaderText(text)) {
      throw user.error('as', 'names, groups, uid and extra must be one line of ASCII text each');
    }
  }
  return { user: name, groups, uid, extra };
}

function readExec(exec: Fields): ExecPlugin {
  const apiVersion = exec.text('apiVersion');
  if (!EXEC_VERSIONS.includes(apiVersion)) {
    throw exec.error('apiVersion', `expected ${EXEC_VERSIONS.join(' or ')}`);
  }
  const command = exec.text('command');
  if (command === '') {
    throw exec.error('command', 'missing; expected a program name or a path to one');
  }
  // A name without a slash is looked up in PATH; a relative path belongs to the kubeconfig's folder.
  const resolved = command.includes('/') ? resolve(dirname(exec.file), command) : command;
  return {
    apiVersion,
    command: resolved,
    args: exec.texts('args'),
    env: exec
      .children('env')
      .map((item) => ({ name: item.text('name'), value: item.text('value') })),
    provideClusterInfo: exec.flag('provideClusterInfo'),
    origin: `${exec.file}: ${exec.path}`,
  };
}
