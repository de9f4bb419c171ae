import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameError } from '../../src/k8s/frames-json.ts';
import { ProtobufFrames } from '../../src/k8s/frames-protobuf.ts';
import { recorded } from './protobuf-recordings/read.ts';

function framed(event: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(event.length);
  return Buffer.concat([length, event]);
}

function cut(chunks: readonly Uint8Array[], maxFrameBytes = 1 << 20): [Buffer[], number] {
  const frames = new ProtobufFrames(maxFrameBytes);
  const events: Buffer[] = [];
  for (const chunk of chunks) {
    frames.push(chunk, (bytes, start, end) => events.push(Buffer.from(bytes.subarray(start, end))));
  }
  return [events, frames.finish()];
}

/** The stream in chunks that end at these places. */
function chunked(stream: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (stream.length + 1)), stream.length].toSorted(
    (a, b) => a - b,
  );
  return ends.map((end, i) => stream.subarray(i === 0 ? 0 : ends[i - 1], end));
}

describe('protobuf frames', () => {
  test('come out whole however the stream is cut', () => {
    const events = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 12 });
    fc.assert(
      fc.property(events, fc.array(fc.nat(), { maxLength: 20 }), (sent, places) => {
        const [got, left] = cut(chunked(Buffer.concat(sent.map(framed)), places));
        expect(got).toEqual(sent.map((event) => Buffer.from(event)));
        expect(left).toBe(0);
      }),
    );
  });

  test('of a recorded watch come out one byte at a time', () => {
    const body = recorded('pods/watch', 'pb');
    const [whole] = cut([body]);
    expect(Buffer.concat(whole.map(framed))).toEqual(body);
    expect(cut(Array.from(body, (byte) => Buffer.of(byte)))[0]).toEqual(whole);
  });

  test('inside one chunk are handed out where they lie', () => {
    const frames = new ProtobufFrames(1000);
    const chunk = Buffer.concat([framed(Buffer.from('one')), framed(Buffer.from('two'))]);
    const places: unknown[] = [];
    frames.push(chunk, (bytes, start, end) => places.push([bytes === chunk, start, end]));
    expect(places).toEqual([
      [true, 4, 7],
      [true, 11, 14],
    ]);
  });

  test('without bytes are no frames', () => {
    const empty = framed(Buffer.alloc(0));
    const stream = Buffer.concat([empty, framed(Buffer.from('x')), empty]);
    for (let place = 0; place <= stream.length; place++) {
      expect(cut(chunked(stream, [place]))).toEqual([[Buffer.from('x')], 0]);
    }
  });

  test('that never end are counted, and the next stream begins anew', () => {
    const frames = new ProtobufFrames(1000);
    const whole = framed(Buffer.from('event'));
    for (let end = 0; end < whole.length; end++) {
      frames.push(whole.subarray(0, end), () => expect.unreachable());
      expect(frames.finish()).toBe(end);
    }
    const got: string[] = [];
    frames.push(whole, (bytes, start, end) =>
      got.push(Buffer.from(bytes.subarray(start, end)).toString()),
    );
    expect(got).toEqual(['event']);
  });

  test.each([1, 3, 4, 5, 200])('over the bound are refused, in chunks of %i', (size) => {
    const fits = framed(Buffer.alloc(100, 1));
    const over = framed(Buffer.alloc(101, 1));
    const inChunks = (stream: Buffer): Buffer[] =>
      chunked(
        stream,
        Array.from({ length: Math.ceil(stream.length / size) }, (_, i) => i * size),
      );
    expect(cut(inChunks(fits), 100)[0]).toHaveLength(1);
    expect(() => cut(inChunks(over), 100)).toThrow(FrameError);
    expect(() => cut([Buffer.of(0xff, 0xff, 0xff, 0xff)], 100)).toThrow(/longer than 100 bytes/);
  });
});
