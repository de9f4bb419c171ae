import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameError, JsonFrames } from '../../src/k8s/frames-json.ts';

function collect(frames: JsonFrames, chunks: readonly Uint8Array[]): string[] {
  const out: string[] = [];
  for (const chunk of chunks) {
    frames.push(chunk, (bytes, start, end) => {
      out.push(Buffer.from(bytes.subarray(start, end)).toString('latin1'));
    });
  }
  return out;
}

describe('frames', () => {
  test('are the same however the stream is cut into chunks', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }),
        (lines, steps) => {
          const clean = lines.map((line) => line.map((byte) => (byte === 10 ? 11 : byte)));
          const stream = Buffer.concat(clean.flatMap((line) => [line, Buffer.from('\n')]));
          const chunks: Uint8Array[] = [];
          for (let at = 0, k = 0; at < stream.length; k++) {
            const next = at + steps[k % steps.length];
            chunks.push(stream.subarray(at, next));
            at = next;
          }
          const frames = new JsonFrames(1000);
          expect(collect(frames, chunks)).toEqual(
            clean
              .filter((line) => line.length > 0)
              .map((line) => Buffer.from(line).toString('latin1')),
          );
          expect(frames.finish()).toBe(0);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('inside one chunk are handed out where they are', () => {
    const chunk = Buffer.from('one\ntwo\nthr');
    const seen: Uint8Array[] = [];
    new JsonFrames(100).push(chunk, (bytes) => seen.push(bytes));
    expect(seen).toEqual([chunk, chunk]);
    expect(seen.every((bytes) => bytes === chunk)).toBe(true);
  });

  test('end at the end of the chunk, not of the memory behind it', () => {
    const memory = new Uint8Array(Buffer.from('ab\ncd\n'));
    const frames = new JsonFrames(100);
    expect(collect(frames, [memory.subarray(0, 2)])).toEqual([]);
    expect(frames.finish()).toBe(2);
    expect(collect(frames, [memory.subarray(3, 6)])).toEqual(['cd']);
  });

  test('that never end are counted when the stream does', () => {
    const frames = new JsonFrames(100);
    expect(collect(frames, [Buffer.from('one\ntw')])).toEqual(['one']);
    expect(frames.finish()).toBe(2);
    expect(frames.finish()).toBe(0);
  });

  test.each([
    ['in one chunk', [Buffer.from(`${'x'.repeat(11)}\n`)]],
    ['over several chunks', [Buffer.from('x'.repeat(6)), Buffer.from('x'.repeat(5))]],
  ])('longer than the bound are refused %s', (_name, chunks) => {
    const frames = new JsonFrames(10);
    expect(() => collect(frames, chunks)).toThrowError(FrameError);
    expect(() => collect(new JsonFrames(10), chunks)).toThrowError(
      expect.objectContaining({ code: 'FRAME_TOO_LONG' }),
    );
  });

  test('as long as the bound are taken', () => {
    const frames = new JsonFrames(10);
    const line = 'x'.repeat(10);
    expect(collect(frames, [Buffer.from(`${line}\n${line.slice(0, 5)}`)])).toEqual([line]);
    expect(collect(frames, [Buffer.from(`${line.slice(5)}\n`)])).toEqual([line]);
  });
});
