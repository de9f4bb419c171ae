// What "the same answer" means: status, headers, how the body ends, and every byte of it.

import { gunzipSync } from 'node:zlib';
import type { RecordedResponse } from '../../support/recorded-response.ts';
import type { Protocol } from './stack.ts';

/** Of one hop, of one moment, or of one request. */
const ownHeaders: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'date',
  'audit-id',
]);
/** Which queue of the apiserver a request went through; an answer from memory went through none. */
const queueHeaders = /^x-kubernetes-pf-/;

const shownBytes = 160;

/** How the proxy was asked, and who answered. */
export interface Exchanged {
  readonly protocol: Protocol;
  readonly from: 'cache' | 'passthrough';
}

/** Every difference as a sentence; empty when the answers are equal. */
export function differences(
  direct: RecordedResponse,
  proxied: RecordedResponse,
  exchanged: Exchanged,
): string[] {
  const found: string[] = [];
  if (direct.status !== proxied.status) {
    found.push(`status ${proxied.status}, upstream ${direct.status}: ${head(proxied.text)}`);
  }
  if (direct.end.kind !== proxied.end.kind) {
    found.push(`ended ${JSON.stringify(proxied.end)}, upstream ${JSON.stringify(direct.end)}`);
  }
  found.push(...headerDifferences(direct, proxied, exchanged), ...missingHeaders(proxied));
  const body = bodyDifference(comparableBody(direct), comparableBody(proxied));
  if (body !== undefined) found.push(body);
  return found;
}

function headerDifferences(
  direct: RecordedResponse,
  proxied: RecordedResponse,
  { protocol, from }: Exchanged,
): string[] {
  const expected = comparable(direct, from);
  const actual = comparable(proxied, from);
  // Go tells the length of a small body: below 2048 bytes over HTTP/1.1, below 4096 over HTTP/2. The
  // proxy is asked over either and asks over HTTP/1.1, so over HTTP/2 the header may be missing.
  if (protocol === 'h2' && !actual.has('content-length')) expected.delete('content-length');
  // Two compressors make bodies of different lengths; what they compressed is compared.
  if (actual.get('content-encoding') === 'gzip' && expected.get('content-encoding') === 'gzip') {
    for (const headers of [actual, expected]) headers.delete('content-length');
  }
  const names = new Set([...expected.keys(), ...actual.keys()]);
  return [...names]
    .filter((name) => expected.get(name) !== actual.get(name))
    .map((name) => `${name}: ${actual.get(name)}, upstream ${expected.get(name)}`);
}

function missingHeaders(proxied: RecordedResponse): string[] {
  return ['date', 'audit-id']
    .filter((name) => proxied.header(name) === undefined)
    .map((name) => `no header ${name}`);
}

/** Names in lower case; repeated headers in their order. */
function comparable(
  response: RecordedResponse,
  from: 'cache' | 'passthrough',
): Map<string, string> {
  const headers = new Map<string, string>();
  for (let i = 0; i < response.rawHeaders.length; i += 2) {
    const name = response.rawHeaders[i].toLowerCase();
    if (ownHeaders.has(name) || (from === 'cache' && queueHeaders.test(name))) continue;
    const before = headers.get(name);
    const value = response.rawHeaders[i + 1];
    headers.set(name, before === undefined ? value : `${before}\n${value}`);
  }
  return headers;
}

/** Every byte as one character, whatever it encodes; a compressed body as what was compressed. */
function comparableBody(response: RecordedResponse): string {
  const text = textOf(response);
  return text.includes('BOOKMARK') ? collapsed(framesOf(response)).join('') : text;
}

function textOf(response: RecordedResponse): string {
  const { body } = response;
  const isCompressed = response.header('content-encoding') === 'gzip' && body.length > 0;
  return (isCompressed ? gunzipSync(body) : body).toString('latin1');
}

/** The events of a watch as they were framed: lines, or in protobuf each behind its length. */
export function framesOf(response: RecordedResponse): string[] {
  const text = textOf(response);
  return response.header('content-type')?.includes('protobuf') === true
    ? protobufFrames(text)
    : text.split(/(?<=\n)/).filter((line) => line !== '');
}

/** Upstream may say the same bookmark twice on an idle watch, as its clock falls (semantics 4.5). */
function collapsed(frames: readonly string[]): string[] {
  return frames.filter((frame, i) => frame !== frames[i - 1] || !isBookmark(frame));
}

export function isBookmark(frame: string): boolean {
  // In protobuf: four bytes of length, then field 1 with a text of eight.
  return frame.startsWith('{"type":"BOOKMARK"') || frame.startsWith('\n\bBOOKMARK', 4);
}

/** Frames of a protobuf watch, each with the four bytes of its length; what is left over comes last. */
function protobufFrames(body: string): string[] {
  const frames: string[] = [];
  const bytes = Buffer.from(body, 'latin1');
  let at = 0;
  while (at + 4 <= bytes.length) {
    const next = at + 4 + bytes.readUInt32BE(at);
    frames.push(body.slice(at, next));
    at = next;
  }
  if (at < body.length) frames.push(body.slice(at));
  return frames;
}

function bodyDifference(expected: string, actual: string): string | undefined {
  if (expected === actual) return undefined;
  let at = 0;
  while (at < expected.length && expected[at] === actual[at]) at++;
  const from = Math.max(0, at - 60);
  return (
    `body differs at ${at} (${actual.length} characters, upstream ${expected.length}):\n` +
    `      is ${JSON.stringify(actual.slice(from, at + shownBytes))}\n` +
    `upstream ${JSON.stringify(expected.slice(from, at + shownBytes))}`
  );
}

function head(text: string): string {
  return JSON.stringify(text.slice(0, shownBytes));
}
