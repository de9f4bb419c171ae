/** What the benches that load a server can be told: `--quick`, `--upstream real`, `--profile FILE`. */
import { parseArgs } from 'node:util';
import type { BenchCluster } from './cluster.ts';

export interface BenchArguments {
  readonly quick: boolean;
  readonly real: boolean;
  /** Where a processor profile of Watershed goes; '' for none. */
  readonly profile: string;
  /** Only loads whose name holds this text. */
  readonly only: string;
  /** Only this crowd: `2000x1`. */
  readonly crowd: string;
}

export function benchArguments(): BenchArguments {
  const { values } = parseArgs({
    strict: false,
    options: {
      quick: { type: 'boolean', default: false },
      upstream: { type: 'string', default: 'simulated' },
      profile: { type: 'string', default: '' },
      only: { type: 'string', default: '' },
      crowd: { type: 'string', default: '' },
    },
  });
  return {
    quick: values.quick === true,
    real: values.upstream === 'real',
    profile: String(values.profile),
    only: String(values.only),
    crowd: String(values.crowd),
  };
}

/** Loaded when asked for: the real one needs what building a control plane needs. */
export async function startCluster(real: boolean): Promise<BenchCluster> {
  if (real) return (await import('./real-cluster.ts')).startReal();
  return (await import('./simulated-cluster.ts')).startSimulated();
}
