// `npm run compat`: every client library at hand stays in step through the proxy while kube-apiserver
// is restarted, and every kubectl gives the same output as without it. Prints both tables; exit code 0
// only when nothing differed. `--only=clients|kubectl` runs one part; `--writes` and `--restarts` say
// how much. Installs and builds what it needs, once.

import { parseArgs } from 'node:util';
import { startStack } from '../conformance/support/stack.ts';
import { goClients, nodeClients, pythonClients } from './support/clients.ts';
import { addressesOf, faultsOf, followInStep } from './support/in-step.ts';
import { tableText } from './support/table.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    writes: { type: 'string', default: '10000' },
    restarts: { type: 'string', default: '3' },
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
    const head = ['client', 'mode', 'writes', 'events', 'relists', 'equal', 'errors'];
    const lines = rows.map(({ client, mode, writes, verdict }) => {
      const { events, relists, equal, errors, violations = 0 } = verdict;
      return [client, mode, writes, events, relists, equal ? 'yes' : 'NO', errors + violations];
    });
    console.log(`${amount.restarts} restarts of kube-apiserver while objects change:`);
    console.log(tableText([head, ...lines]));
    return rows.flatMap(faultsOf);
  } finally {
    await stack.stop();
  }
}

const faults: string[] = [];
if (values.only !== 'kubectl') faults.push(...(await clients()));
for (const fault of faults) console.log(fault);
process.exitCode = faults.length === 0 ? 0 : 1;
