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
  leasePeriod: duration('10s', 'How often each node renews its lease.', {
    flag: 'lease-period',
    minimum: 10,
    maximum: DAY_MS,
  }),
  bindAddress: string('127.0.0.1', 'IP address to listen on.', { flag: 'bind-address' }),
  port: integer(6443, 'TLS port; 0 takes a free one.', {
    flag: 'port',
    minimum: 0,
    maximum: 65_535,
  }),
  kubeconfig: path(
    'simulated.kubeconfig',
    'Kubeconfig file to write, with an administrator token for the cluster.',
    { flag: 'kubeconfig' },
  ),
};

export const simulateOptions = Object.freeze({ simulate });
