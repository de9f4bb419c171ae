// What `watershed simulate` can be told: how large the synthetic cluster is and where it listens.
// Flags only; there is no file for it.

import { duration, integer, path, string } from './option.ts';

const DAY_MS = 86_400_000;

const simulate = {
  nodes: integer(20, 'Nodes in the cluster; each has a lease it renews.', {
    flag: 'nodes',
    minimum: 1,
    maximum: 100_000,
  }),
  podsPerNode: integer(10, 'Pods on each node.', {
    flag: 'pods-per-node',
    minimum: 0,
    maximum: 500,
  }),
  podsReplacedPerSecond: integer(
    1,
    'Pods replaced per second over the whole cluster; each means about seven events.',
    { flag: 'pods-replaced-per-second', minimum: 0, maximum: 10_000 },
  ),
  leasePeriod: duration('10s', 'How often each node renews its lease; 0s: never.', {
    flag: 'lease-period',
    minimum: 0,
    maximum: DAY_MS,
  }),
  bindAddress: string('127.0.0.1', 'IP address to listen on.', { flag: 'bind-address' }),
  port: integer(6443, 'TLS port; 0 takes a free one.', {
    flag: 'port',
    minimum: 0,
    maximum: 65_535,
  }),
  seed: integer(1, 'The same seed makes the same cluster.', {
    flag: 'seed',
    minimum: 0,
    maximum: 4_294_967_295,
  }),
  certDirectory: path(
    '~/.watershed/simulator',
    'Folder in which its self-signed certificate is made and kept.',
    { flag: 'cert-dir' },
  ),
  kubeconfig: path(
    'simulated.kubeconfig',
    'Kubeconfig file to write, with an administrator token for the cluster.',
    { flag: 'kubeconfig' },
  ),
};

export const simulateOptions = Object.freeze({ simulate });
