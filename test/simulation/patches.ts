/**
 * Changes to the text of the code under test, made while it is loaded and nowhere else.
 *
 * `SCALED` makes its slices small, so that lanes of a few objects are listed and compared in several turns as lanes of
 * thousands are. A mutant breaks one thing on purpose: a simulation that cannot tell is worth nothing.
 */
import { registerHooks } from 'node:module';

export interface Edit {
  /** Below src/. */
  readonly file: string;
  /** Must stand in the file exactly once. */
  readonly from: string;
  readonly to: string;
}

export interface Mutant {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** Takes tens of thousands of seeds: only in the long form. */
  readonly rare?: true;
}

const SCALED: readonly Edit[] = [
  { file: 'watch/validate.ts', from: 'SLICE_ITEMS = 128', to: 'SLICE_ITEMS = 2' },
  { file: 'watch/initial-list.ts', from: 'SLICE_ITEMS = 64', to: 'SLICE_ITEMS = 2' },
];

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'a call in flight is shared with those who came after it was sent',
    edits: [
      {
        file: 'watch/coalesced.ts',
        from: 'join(): Promise<T> {',
        to: `join(): Promise<T> {
               return (this.shared ??= this.own().finally(() => { this.shared = undefined; }));
             }
             own(): Promise<T> {`,
      },
    ],
  },
  {
    name: 'a probe that was answered before the read began proves it',
    edits: [
      {
        file: 'watch/probe.ts',
        from: 'export async function probe(',
        to: 'const recent = new WeakMap();\nexport async function probe(',
      },
      {
        file: 'watch/probe.ts',
        from: '  const limits = {',
        to: `  const known = recent.get(reader);
             if (known !== undefined && bounds.clock.now() - known.atMs < 20) return known.outcome;
             const limits = {`,
      },
      {
        file: 'watch/probe.ts',
        from: "return { kind: 'revision', revision };",
        to: `const outcome = { kind: 'revision', revision };
             recent.set(reader, { atMs: bounds.clock.now(), outcome });
             return outcome;`,
      },
    ],
  },
  {
    name: 'a validating list under way is shared with those who came after it was sent',
    edits: [
      {
        file: 'watch/lane-validator.ts',
        from: 'return this.#lists.join();',
        to: `return (this.shared ??= this.#lists.join().finally(() => {
               this.shared = undefined;
             }));`,
      },
    ],
  },
  {
    name: 'a remembered proof serves readers who came after it',
    edits: [
      {
        file: 'watch/freshness.ts',
        from: 'remembered.revision >= revision ? remembered : undefined',
        to: 'remembered.revision > 0 ? remembered : undefined',
      },
    ],
  },
  {
    name: 'the revision of a list that compared equal becomes the position, before the events up to it',
    edits: [
      {
        file: 'watch/lane-validator.ts',
        from: 'this.#proven = { ...view, epoch };',
        to: 'writer.progress(list.revision);',
      },
    ],
  },
  {
    name: 'a bookmark counts whose events were dropped during a load',
    rare: true,
    edits: [
      {
        file: 'watch/delta-watch.ts',
        from: 'stillWanted: () => !lane.loading && lane.epoch === epoch,',
        to: 'stillWanted: () => true,',
      },
    ],
  },
  {
    name: 'silence is taken for a proof',
    edits: [
      {
        file: 'watch/freshness.ts',
        from: "return proven('wait', this.#current());\n    }",
        to: `return proven('wait', this.#current());
             }
             this.#writer.progress(revision);
             return proven('wait', this.#current());`,
      },
    ],
  },
  {
    name: 'a waiter is woken one revision early',
    edits: [
      {
        file: 'watch/revision-waiters.ts',
        from: 'if (waiter.revision <= frontier) this.#finish(waiter, true);',
        to: 'if (waiter.revision <= frontier + 1) this.#finish(waiter, true);',
      },
      {
        file: 'watch/revision-waiters.ts',
        from: 'if (frontier < this.#lowest) return;',
        to: '',
      },
    ],
  },
  {
    name: 'a waiter has no end',
    edits: [
      {
        file: 'watch/revision-waiters.ts',
        from: 'waiter.timer = this.#clock.timer(timeoutMs, () => this.#finish(waiter, false));',
        to: '',
      },
    ],
  },
  {
    name: 'an answer carries the revision of the probe, not that of the lane',
    edits: [
      {
        file: 'watch/freshness.ts',
        from: "return proven('wait', this.#current());",
        to: "return proven('wait', { ...this.#current(), revision });",
      },
    ],
  },
  {
    name: 'a comparison does not mind that the lane moved meanwhile',
    edits: [
      {
        file: 'watch/validate.ts',
        from: "if (writer.head !== position) return { kind: 'moved' };",
        to: '',
      },
    ],
  },
  {
    name: 'objects are compared by their number alone',
    edits: [
      {
        file: 'watch/validate.ts',
        from: "if (!writer.contains(bytes, scan)) return { kind: 'different' };",
        to: '',
      },
    ],
  },
  {
    name: 'a watch resumes one revision too late',
    edits: [
      {
        file: 'watch/reflector.ts',
        from: 'watchPath(this.#resource, this.#writer.frontier,',
        to: 'watchPath(this.#resource, this.#writer.frontier + 1,',
      },
    ],
  },
  {
    name: 'upstream saying 410 is taken for a broken connection',
    edits: [
      {
        file: 'watch/reflector-state.ts',
        from: 'if (end.code === 410) return relist(rested, end.reason);',
        to: "if (end.code === 410) return wait(rested, 'watch', end.reason, 0);",
      },
    ],
  },
  {
    name: 'an event that came twice is applied twice',
    edits: [
      {
        file: 'cache/lane.ts',
        from: 'if (revision <= this.log.headRevision) {',
        to: 'if (revision < this.log.headRevision) {',
      },
    ],
  },
  {
    name: 'watches go on across a relist as if nothing had happened',
    edits: [
      {
        file: 'cache/lane.ts',
        from: "this.groups.trim();\n    this.groups.end('expired');",
        to: 'this.groups.trim();',
      },
    ],
  },
  {
    name: 'a watch that waited for its turn does not mind that the lane was listed anew',
    rare: true,
    edits: [
      {
        file: 'proxy/serve-watch.ts',
        from: "if (lane.counters.loads !== loads) return notServed('lane listed anew');",
        to: '',
      },
    ],
  },
];

/** Applies the edits of all runs and those of a mutant to whatever is imported from now on. */
export function patchSources(mutant: Mutant | undefined): void {
  const edits = [...SCALED, ...(mutant?.edits ?? [])];
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const own = edits.filter(({ file }) => url.endsWith(`/src/${file}`));
      if (own.length === 0) return loaded;
      return { ...loaded, source: own.reduce(edited, String(loaded.source)) };
    },
  });
}

function edited(text: string, { file, from, to }: Edit): string {
  if (text.split(from).length !== 2) {
    throw new Error(`src/${file} does not hold this text once, adapt the patch: ${from}`);
  }
  return text.replace(from, () => to);
}
