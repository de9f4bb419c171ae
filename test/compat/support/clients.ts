// Every client library at hand as a program that follows objects. They share one shape of verdict.

import { join } from 'node:path';
import { informersBinary } from '../informers/build.ts';
import type { FollowerProgram } from './follower.ts';
import { clientNode14, pythonWithClient } from './install.ts';

export interface Addresses {
  /** Kubeconfig of the address under test. */
  readonly proxied: string;
  readonly direct: string;
}

const root = join(import.meta.dirname, '../../..');
const follow = join(import.meta.dirname, '../client-node/follow.ts');
const followPy = join(import.meta.dirname, '../python/follow.py');
/** Every kind of the program in each of its four scopes. */
const informers = 24;
const timeoutSeconds = 180;

/** client-go's own informers and controller-runtime's cache, in each form, with and without WatchList. */
export async function goClients(addresses: Addresses): Promise<FollowerProgram[]> {
  const program = await informersBinary();
  const modes = [
    { client: 'client-go', form: 'typed', label: 'typed protobuf', encoding: 'protobuf' },
    { client: 'client-go', form: 'dynamic', label: 'dynamic JSON', encoding: 'json' },
    { client: 'client-go', form: 'metadata', label: 'metadata', encoding: 'json' },
    { client: 'controller-runtime', form: 'controller-runtime', label: 'cache', encoding: 'json' },
  ];
  return modes.flatMap(({ client, form, label, encoding }) =>
    ['on', 'off'].map((watchList) => ({
      client,
      mode: `${label}, WatchList ${watchList}`,
      program,
      args: [
        ...kubeconfigs(addresses),
        `--client=${form}`,
        `--encoding=${encoding}`,
        `--watch-list=${watchList}`,
        // controller-runtime's informers also come in three forms.
        `--informers=${form === 'controller-runtime' ? 3 * informers : informers}`,
        `--timeout=${timeoutSeconds}s`,
        '--external-writer',
        '--bridged',
        // The verdict is complete in any case; the table judges.
        '--max-errors=-1',
        '--max-relists=-1',
      ],
    })),
  );
}

export async function nodeClients(addresses: Addresses): Promise<FollowerProgram[]> {
  return [nodeClient('1.4', await clientNode14(), addresses), currentNodeClient(addresses)];
}

/** The release that the project itself depends on. */
export function currentNodeClient(addresses: Addresses): FollowerProgram {
  return nodeClient('2.0', join(root, 'node_modules/@kubernetes/client-node'), addresses);
}

function nodeClient(version: string, module: string, addresses: Addresses): FollowerProgram {
  return {
    client: `client-node ${version}`,
    mode: 'informer',
    program: process.execPath,
    args: [follow, ...kubeconfigs(addresses), `--module=${module}`, `--timeout=${timeoutSeconds}`],
  };
}

export async function pythonClients(addresses: Addresses): Promise<FollowerProgram[]> {
  const program = await pythonWithClient();
  return ['watch', 'list-watch', 'informer'].map((mode) => ({
    client: 'python',
    mode,
    program,
    args: [followPy, ...kubeconfigs(addresses), `--mode=${mode}`, `--timeout=${timeoutSeconds}`],
  }));
}

/** The program that changes objects, at the apiserver itself. */
export async function writerProgram(
  { direct }: Addresses,
  writes: number,
): Promise<FollowerProgram> {
  return {
    client: 'client-go',
    mode: 'writer',
    program: await informersBinary(),
    args: [
      ...kubeconfigs({ proxied: direct, direct }),
      '--informers=0',
      `--writes=${writes}`,
      '--write',
    ],
  };
}

function kubeconfigs({ proxied, direct }: Addresses): string[] {
  return [`--kubeconfig=${proxied}`, `--direct-kubeconfig=${direct}`];
}
