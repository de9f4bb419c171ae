import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WholeFrames } from '../../src/proxy/whole-frames.ts';

const LINES = 'application/json;stream=watch';
const LENGTHS = 'application/vnd.kubernetes.protobuf;stream=watch';

function line(text: string): Buffer {
  return Buffer.from(`${JSON.stringify(text)}\n`);
}

function prefixed(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes.length);
  return Buffer.concat([head, bytes]);
}

/** `bytes` in pieces of the given sizes, and the rest in one. */
function pieces(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const found: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    if (at < bytes.length) found.push(bytes.subarray(at, (at += size)));
  }
  if (at < bytes.length) found.push(bytes.subarray(at));
  return found;
}

const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 60 });

describe.each([
  { contentType: LINES, frame: fc.string({ maxLength: 30 }).map(line) },
  { contentType: LENGTHS, frame: fc.uint8Array({ maxLength: 30 }).map(prefixed) },
])('a watch in $contentType', ({ contentType, frame }) => {
  test('is cut at the ends of frames only, and loses no byte', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 12 }), sizes, (frames, cuts) => {
        const ends = new Set<number>();
        let length = 0;
        for (const each of frames) ends.add((length += each.length));
        const all = Buffer.concat(frames);
        const whole = new WholeFrames(contentType);
        const out: Buffer[] = [];
        for (const piece of pieces(all, cuts)) {
          const bytes = whole.push(piece);
          if (bytes === undefined) continue;
          out.push(bytes);
          expect(ends.has(Buffer.concat(out).length)).toBe(true);
        }
        expect(whole.rest()).toBeUndefined();
        expect(Buffer.concat(out)).toEqual(all);
      }),
    );
  });

  test('keeps the beginning of a frame that never ends', () => {
    const whole = new WholeFrames(contentType);
    const [first, second] = [fc.sample(frame, 1)[0], prefixed(Buffer.alloc(50, 'x'))];
    const begun = second.subarray(0, 20);
    expect(whole.push(Buffer.concat([first, begun]))).toEqual(first);
    expect(whole.rest()).toEqual(begun);
  });

  test('goes on as it comes when a frame is too long to hold', () => {
    const whole = new WholeFrames(contentType);
    const part = Buffer.alloc(1 << 20, 'x');
    let given = 0;
    for (let i = 0; i < 12; i++) given += whole.push(part)?.length ?? 0;
    expect(given).toBe(12 * part.length);
  });
});

test('an unknown encoding goes as it comes', () => {
  const whole = new WholeFrames('application/cbor-seq');
  expect(whole.push(Buffer.from('abc'))?.toString()).toBe('abc');
});
