// `npm run compat`: every client library at hand stays in step through the proxy while kube-apiserver
// is restarted, and every kubectl gives the same output as without it. Prints both tables; exit code 0
// only when no client listed again or differed in the end, and no command showed anything else.
// `--only=clients|kubectl` runs one part, `--writes` and `--restarts` say how much, `--releases` which
// kubectl (v1.36,v1.35). Installs and builds what it needs, once.

import { parseArgs } from 'node:util';
import { startStack } from '../conformance/support/stack.ts';
import { kubectlOf, releases } from './kubectl/build.ts';
import type { Release } from './kubectl/build.ts';
import { goClients, nodeClients, pythonClients } from './support/clients.ts';
import { addressesOf, faultsOf, followInStep } from './support/in-step.ts';
import { compareAll } from './support/kubectl-compare.ts';
import type { Compared } from './support/kubectl-compare.ts';
import { startKubectlCluster } from './support/kubectl-cluster.ts';
import { tableText } from './support/table.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    // Some fail while kube-apiserver is away.
    writes: { type: 'string', default: '10500' },
    restarts: { type: 'string', default: '3' },
    releases: { type: 'string', default: releases.join(',') },
  },
});

async function clients(): Promise<string[]> {
  const stack = await startStack({
    // Upstream itself forgets the past when it restarts; only bridging spares clients the relist.
    proxy: { settings: { lanes: { bridgeUpstreamExpiry: true } } },
  });
  try {
    const addresses = await addressesOf(stack);
    const programs = [
      ...(await goClients(addresses)),
      ...(await nodeClients(addresses)),
      ...(await pythonClients(addresses)),
    ];
    const amount = { writes: Number(values.writes), restarts: Number(values.restarts) };
    const rows = await followInStep(stack, programs, amount);
    const head = ['client', 'mode', 'writes', 'events', 'relists', 'equal', 'errors', '429s'];
    const lines = rows.map(({ client, mode, writes, verdict }) => {
      const { events, relists, equal, errors, violations = 0, refusals = 0 } = verdict;
      const judged = [equal ? 'yes' : 'NO', errors + violations, refusals];
      return [client, mode, writes, events, relists, ...judged];
    });
    console.log(`${amount.restarts} restarts of kube-apiserver while objects change:`);
    console.log(tableText([head, ...lines]));
    return rows.flatMap(faultsOf);
  } finally {
    await stack.stop();
  }
}

async function kubectls(chosen: readonly Release[]): Promise<string[]> {
  const stack = await startKubectlCluster();
  try {
    const columns: { version: string; compared: readonly Compared[] }[] = [];
    for (const release of chosen) {
      const kubectl = await kubectlOf(release);
      const compared = await compareAll(stack, release, kubectl);
      columns.push({ version: kubectl.version, compared });
      console.error(`kubectl ${kubectl.version}: ${compared.length} commands compared`);
    }
    const commands = new Set(columns.flatMap(({ compared }) => compared.map((one) => one.command)));
    const lines = [...commands].map((command) => [
      command,
      ...columns.map(({ compared }) => resultOf(compared.filter((one) => one.command === command))),
    ]);
    console.log('Output and exit code of kubectl with and without the proxy:');
    console.log(tableText([['command', ...columns.map(({ version }) => version)], ...lines]));
    return columns.flatMap(({ version, compared }) =>
      differentOf(compared).map(
        ({ words, difference }) => `kubectl ${version} ${words}: ${difference}`,
      ),
    );
  } finally {
    await stack.stop();
  }
}

function resultOf(compared: readonly Compared[]): string {
  const different = differentOf(compared).length;
  return different === 0 ? `same (${compared.length})` : `${different} DIFFERENT`;
}

function differentOf(compared: readonly Compared[]): readonly Compared[] {
  return compared.filter(({ difference }) => difference !== undefined);
}

const faults: string[] = [];
if (values.only !== 'kubectl') faults.push(...(await clients()));
if (values.only !== 'clients') {
  const wanted = values.releases.split(',');
  faults.push(...(await kubectls(releases.filter((release) => wanted.includes(release)))));
}
for (const fault of faults) console.log(fault);
process.exitCode = faults.length === 0 ? 0 : 1;
