// Many clients follow through a proxy while one program changes objects at kube-apiserver, which is
// killed and started again on the way; then every client compares what it holds with a list.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Stack } from '../../conformance/support/stack.ts';
import { writerProgram } from './clients.ts';
import type { Addresses } from './clients.ts';
import { Follower } from './follower.ts';
import type { FollowerProgram, Verdict } from './follower.ts';

/** How long the apiserver is up before it is killed again. */
const upMs = 2_000;

export interface Row {
  readonly client: string;
  readonly mode: string;
  readonly writes: number;
  readonly verdict: Verdict;
}

export interface InStep {
  readonly writes: number;
  /** Restarts of kube-apiserver, spread over the time in which objects change. */
  readonly restarts: number;
}

export async function addressesOf({ controlPlane, watershed }: Stack): Promise<Addresses> {
  return {
    proxied: await controlPlane.kubeconfig('admin', { server: watershed.url }),
    direct: await controlPlane.kubeconfig('admin'),
  };
}

export async function followInStep(
  stack: Stack,
  programs: readonly FollowerProgram[],
  { writes, restarts }: InStep,
): Promise<Row[]> {
  const writer = new Follower(await writerProgram(await addressesOf(stack), writes));
  const followers: Follower[] = [];
  try {
    // It makes the namespaces that some clients follow.
    await writer.said('READY');
    for (const program of programs) {
      const follower = new Follower(program);
      followers.push(follower);
      // One after the other: Go gives up a TLS handshake after ten seconds, and they all are hungry.
      await follower.said('READY');
    }
    writer.tell('GO');
    await restartWhileWriting(stack, writer, restarts);
    const written = (await writer.verdict()).writes ?? 0;
    for (const follower of followers) follower.tell('CHECK');
    return await Promise.all(
      followers.map(async (follower) => ({
        client: follower.client,
        mode: follower.mode,
        writes: written,
        verdict: await follower.verdict(),
      })),
    );
  } finally {
    await Promise.all([writer, ...followers].map((program) => program.stop()));
  }
}

/** On a fast machine the last restarts may find nobody writing; they are made in any case. */
async function restartWhileWriting(
  stack: Stack,
  writer: Follower,
  restarts: number,
): Promise<void> {
  const written = writer.said('WRITTEN');
  for (let restart = 0; restart < restarts; restart += 1) {
    await Promise.race([sleep(upMs), written]);
    await stack.controlPlane.restartApiserver();
  }
  await written;
}

/** What speaks against a row; empty when it is in step. */
export function faultsOf({ client, mode, verdict }: Row): string[] {
  const who = `${client} ${mode}`;
  const { equal, relists, errors, violations = 0, mismatches, notes } = verdict;
  const faults = equal ? [] : [`${who}: not equal: ${mismatches.join('; ')}`];
  if (relists > 0) faults.push(`${who}: ${relists} relists`);
  if (errors + violations > 0) {
    faults.push(`${who}: ${errors} errors, ${violations} violations: ${notes.join('; ')}`);
  }
  return faults;
}
