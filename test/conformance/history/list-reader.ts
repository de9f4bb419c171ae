// A client that lists and gets at random, in every form of asking for a revision.

import { setTimeout as sleep } from 'node:timers/promises';
import { object } from '../support/resources.ts';
import { drawName, drawSelection } from './ask.ts';
import type { Ask } from './ask.ts';
import { list, read, repeat } from './reader.ts';
import type { ListForm, ReaderParts } from './reader.ts';
import { forms } from './records.ts';
import { everything } from './selection.ts';
import { writtenNamespaces, writtenResources } from './writers.ts';
import { keyOf } from './wire.ts';

const maxPauseMs = 300;
/** How far back exact reads go, in revisions; some fall out of every window. */
const farBack = 3_000;

export class ListReader {
  readonly #parts: ReaderParts;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { random, hushed } = this.#parts;
    await repeat(this.#parts, signal, async () => {
      const resource = random.pick(writtenResources);
      await sleep(random.below(maxPauseMs));
      if (hushed.has(resource)) return;
      const form = random.pick(forms);
      if (random.chance(40)) await this.#get({ resource, form, selection: everything });
      else {
        const selection = drawSelection(random, resource);
        await list(this.#parts, { resource, form, selection }, this.#drawForm());
      }
    });
  }

  #drawForm(): ListForm {
    const { random } = this.#parts;
    const limit = random.chance(40) ? random.between(1, 8) : 0;
    const kind = random.weighted([
      ['unset', 40],
      ['any', 15],
      ['revision', 20],
      ['not older', 10],
      ['exact', 15],
    ] as const);
    switch (kind) {
      case 'unset':
        return { revision: undefined, match: undefined, limit };
      case 'any':
        return { revision: 0, match: random.chance(50) ? 'NotOlderThan' : undefined, limit };
      case 'revision':
        return { revision: this.#past(), match: undefined, limit };
      case 'not older':
        return { revision: this.#past(), match: 'NotOlderThan', limit };
      case 'exact':
        return { revision: this.#past(), match: 'Exact', limit };
    }
  }

  /** A revision from the newest known one back, more often a near one. */
  #past(): number {
    const { random, truth } = this.#parts;
    const back = random.below(random.chance(80) ? 50 : farBack);
    return Math.max(1, truth.head - back);
  }

  async #get(ask: Ask): Promise<void> {
    const { random, truth, judging, target, protocol } = this.#parts;
    const namespace = ask.resource === 'gadgets' ? '' : random.pick(writtenNamespaces);
    const name = drawName(random, 6);
    const revision = random.pick([undefined, undefined, 0, this.#past()]);
    const query = revision === undefined ? '' : `?resourceVersion=${revision}`;
    const path = object(ask.resource, namespace, name) + query;
    const atLeast = revision ?? truth.head;
    const beganMs = performance.now();
    const answer = await read(this.#parts, ask, path, 'get');
    if (answer === undefined || (answer.status !== 200 && answer.status !== 404)) return;
    judging.submit(
      {
        kind: 'get',
        label: `GET ${path} (${answer.form}, ${protocol})`,
        ...ask,
        form: answer.form,
        beganMs,
        endedMs: performance.now(),
        key: keyOf(namespace, name),
        atLeast,
        found: answer.status === 200 ? answer.decoder.object(answer.body) : undefined,
      },
      target,
    );
  }
}
