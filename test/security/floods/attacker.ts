/** The attacker: a process of its own, told by run.ts what to do. */
import { answerQuestions } from '../../../bench/support/rpc.ts';
import { attack } from './attacks.ts';
import type { AttackOptions, AttackReport, AttackTarget } from './attacks.ts';

export interface AttackOrder extends AttackOptions {
  readonly name: string;
  readonly target: AttackTarget;
}

export interface Attacked extends AttackReport {
  /** Processor time of the attacker. */
  readonly cpuMs: number;
}

answerQuestions({
  async attack({ name, target, ...options }: AttackOrder): Promise<Attacked> {
    const before = process.cpuUsage();
    const report = await attack(name, target, options);
    const { user, system } = process.cpuUsage(before);
    return { ...report, cpuMs: (user + system) / 1_000 };
  },
});
