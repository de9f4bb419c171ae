// A kubeconfig for kubectl through the proxy, made from one that reaches the cluster itself: the same
// user, another server and authority. Used by ./quickstart. Refuses users the proxy cannot pass on:
// a client certificate proves itself to the apiserver only over the connection it was used on.

import { isAbsolute, join } from 'node:path';
import { load } from 'js-yaml';

export interface ClientTarget {
  /** Folder of the source file, for the relative paths in it. */
  readonly directory: string;
  /** Undefined: its current-context. */
  readonly context: string | undefined;
  /** A bearer token to use instead of the file's user. */
  readonly token: string | undefined;
  /** `https://127.0.0.1:8443` */
  readonly server: string;
  /** File with the certificate the proxy serves. */
  readonly authority: string;
}

export type ClientKubeconfig =
  | {
      readonly kind: 'written';
      readonly text: string;
      readonly user: User;
    }
  | { readonly kind: 'refused'; readonly reason: string };

/** How a caller proves who it is; exactly one of these. */
interface User {
  readonly token?: string;
  readonly tokenFile?: string;
  readonly exec?: object;
}

interface Named {
  readonly name: string;
  readonly context?: { readonly user?: string; readonly namespace?: string };
  readonly user?: User;
}

interface Kubeconfig {
  readonly 'current-context'?: string;
  readonly contexts?: readonly Named[];
  readonly users?: readonly Named[];
}

const TOKEN_ADVICE = `This version of Watershed knows callers by bearer token only. Make one and use it:

  kubectl create serviceaccount watershed-try
  kubectl create clusterrolebinding watershed-try --clusterrole=view --serviceaccount=default:watershed-try
  kubectl create token watershed-try --duration=8h > try.token
  ./quickstart --kubeconfig FILE --token-file try.token`;

function refuse(reason: string): ClientKubeconfig {
  return { kind: 'refused', reason };
}

/** Reads the source text; the result is JSON, which every YAML reader takes. */
export function clientKubeconfig(source: string, target: ClientTarget): ClientKubeconfig {
  let config: Kubeconfig | null;
  try {
    config = load(source) as Kubeconfig | null;
  } catch (error) {
    return refuse(`the kubeconfig is not YAML: ${String((error as Error).message).split('\n')[0]}`);
  }
  const name = target.context ?? config?.['current-context'] ?? '';
  const context = config?.contexts?.find((each) => each.name === name)?.context;
  if (context === undefined) return refuse(`the kubeconfig has no context ${JSON.stringify(name)}`);
  const found = config?.users?.find((each) => each.name === context.user)?.user;
  const user = target.token === undefined ? usable(found ?? {}, target) : { token: target.token };
  if (user === undefined) {
    return refuse(
      `the user ${context.user} has neither a token nor an exec plugin.\n${TOKEN_ADVICE}`,
    );
  }
  const cluster = { server: target.server, 'certificate-authority': target.authority };
  const namespace = context.namespace === undefined ? {} : { namespace: context.namespace };
  const written = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'watershed',
    clusters: [{ name: 'watershed', cluster }],
    users: [{ name: 'caller', user }],
    contexts: [
      { name: 'watershed', context: { cluster: 'watershed', user: 'caller', ...namespace } },
    ],
  };
  return { kind: 'written', text: `${JSON.stringify(written, null, 2)}\n`, user };
}

/** The parts of a user that work through the proxy; undefined when there are none. */
function usable(user: User, { directory }: ClientTarget): User | undefined {
  const { token, tokenFile, exec } = user;
  if (tokenFile !== undefined) {
    return { tokenFile: isAbsolute(tokenFile) ? tokenFile : join(directory, tokenFile) };
  }
  if (token !== undefined) return { token };
  return exec === undefined ? undefined : { exec };
}
