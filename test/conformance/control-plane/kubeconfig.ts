// The content of a kubeconfig file. It is written as JSON, which every YAML reader takes, so that no
// value needs quoting rules.

import type { KeyPair } from './certificates.ts';

export interface KubeconfigOptions {
  readonly server: string;
  readonly caFile: string;
  readonly user: string;
  readonly credential: { readonly token: string } | { readonly certificate: KeyPair };
}

export function kubeconfigText(options: KubeconfigOptions): string {
  const { credential } = options;
  const user =
    'token' in credential
      ? { token: credential.token }
      : {
          'client-certificate': credential.certificate.certFile,
          'client-key': credential.certificate.keyFile,
        };
  const document = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [
      {
        name: 'test',
        cluster: { server: options.server, 'certificate-authority': options.caFile },
      },
    ],
    users: [{ name: options.user, user }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: options.user } }],
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
