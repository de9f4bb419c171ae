/**
 * Finding the parts of a watch event: the byte scanner against JSON.parse, on the objects that fill clusters. Both check
 * the whole document; JSON.parse also builds it, which is what a cache that keeps bytes has no use for.
 */
import { JsonScanner } from '../../src/k8s/scan-json.ts';
import { check, compareRivals, secondsOf, sink, tableOf } from '../lib/compare.ts';
import { publish, QUICK } from '../lib/report.ts';
import type { Table } from '../lib/report.ts';
import type { ObjectKind } from '../lib/workload.ts';
import { Workload } from '../lib/workload.ts';

interface WatchEvent {
  readonly object: {
    readonly metadata: { readonly name: string; readonly resourceVersion: string };
  };
}

const EVENTS = 256;
const REPEATS = QUICK ? 5 : 15;
const BYTES_PER_PASS = QUICK ? 30e6 : 60e6;

const scanner = new JsonScanner([{ path: ['spec', 'nodeName'] }]);

/** Where each event begins and ends. */
function framesOf(bytes: Buffer): Int32Array {
  const ends = [0];
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) ends.push(at + 1);
  return Int32Array.from(ends);
}

function checkScanner(bytes: Buffer, frames: Int32Array): void {
  for (let i = 0; i + 1 < frames.length; i++) {
    const { object } = JSON.parse(bytes.toString('utf8', frames[i], frames[i + 1])) as WatchEvent;
    check(scanner.scanEvent(bytes, frames[i], frames[i + 1] - 1), scanner.problem);
    const name = bytes.toString('utf8', scanner.nameStart, scanner.nameEnd);
    const revision = bytes.toString('utf8', scanner.revisionStart, scanner.revisionEnd);
    check(name === object.metadata.name, 'the scanner finds another name than JSON.parse');
    check(revision === object.metadata.resourceVersion, 'the scanner finds another revision');
  }
}

function passes(kind: ObjectKind): { readonly table: Table; readonly scanned: number } {
  const workload = new Workload(kind);
  const bytes = workload.events(Array.from({ length: EVENTS }, (_, i) => i));
  const frames = framesOf(bytes);
  checkScanner(bytes, frames);
  const rounds = Math.ceil(BYTES_PER_PASS / bytes.length);
  const rate = (one: (start: number, end: number) => void) => (): Record<string, number> => {
    const seconds = secondsOf(() => {
      for (let round = 0; round < rounds; round++) {
        for (let i = 0; i < EVENTS; i++) one(frames[i], frames[i + 1] - 1);
      }
    });
    return {
      events: (rounds * EVENTS) / seconds,
      megabytes: (rounds * bytes.length) / seconds / 1e6,
    };
  };
  const comparison = compareRivals(
    [
      {
        name: 'Watershed scanner',
        run: rate((start, end) => {
          scanner.scanEvent(bytes, start, end);
          sink.value += scanner.nameStart;
        }),
      },
      {
        name: 'JSON.parse',
        run: rate((start, end) => {
          const event = JSON.parse(bytes.toString('latin1', start, end)) as WatchEvent;
          sink.value += event.object.metadata.name.length;
        }),
      },
    ],
    REPEATS,
  );
  const title = `${kind}, ${workload.events([0]).length.toLocaleString('en')} B`;
  return {
    table: tableOf(
      comparison,
      { title, unit: 'per second', better: 'higher' },
      { events: 'events', megabytes: 'MB' },
    ),
    scanned: comparison.samples.get('events')![0]!.median,
  };
}

const results = (['lease', 'pod', 'node'] as const).map((kind) => ({ kind, ...passes(kind) }));
publish({
  name: 'scan-json',
  title: 'Scanning watch events',
  notes: [
    `${EVENTS} different events per kind, so that no branch predictor learns one by heart; the warm-up pass is part of the spread.`,
    'JSON.parse gets the cheapest string there is (Latin-1); UTF-8 decoding would come on top.',
  ],
  tables: results.map(({ table }) => table),
  figures: Object.fromEntries(results.map(({ kind, scanned }) => [`scan.${kind}`, scanned])),
});
