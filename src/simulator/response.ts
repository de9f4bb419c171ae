/**
 * Response: how answers are written: headers of kube-apiserver, pretty printing, back-pressure.
 *
 * One class over Node's HTTP/1.1 responses and its HTTP/2 compatibility layer, which look the same.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { StatusResponse } from '../k8s/status.ts';
import type { ApiRequest } from './request.ts';
import { truth } from './read-options.ts';

const FLOW_SCHEMA = '6b5d5c2e-8f3c-4f6e-9f0a-1c6a5b9d2f10';
const PRIORITY_LEVEL = 'f3a1c0de-52a7-4f6b-8f43-0f6f5b8f7c11';

/** Bytes gathered into one write of a long body. */
const WRITE_BYTES = 256 * 1024;

export class Response {
  /** The stream below; a watch writes to it directly. */
  readonly stream: ServerResponse;
  readonly #request: ApiRequest;

  constructor(request: ApiRequest, stream: ServerResponse | Http2ServerResponse) {
    this.#request = request;
    // The compatibility layer has every member used here, with the same meaning.
    this.stream = stream as ServerResponse;
  }

  /** Nothing can be written any more. */
  get ended(): boolean {
    // Only the stream below an HTTP/2 response knows that it was cancelled.
    const { stream } = this.stream as { stream?: { destroyed: boolean } };
    return this.stream.destroyed || this.stream.writableEnded || stream?.destroyed === true;
  }

  /** A finished JSON text; a newline is added unless it is printed for people. */
  json(code: number, text: string | Buffer, headers: Record<string, string> = {}): void {
    if (!this.pretty) return this.send(code, `${text.toString()}\n`, headers);
    this.send(code, JSON.stringify(JSON.parse(text.toString()), undefined, 2), headers);
  }

  status(status: StatusResponse): void {
    const headers: Record<string, string> = {};
    if (status.retryAfterSeconds) headers['Retry-After'] = String(status.retryAfterSeconds);
    if (status.code === 403) headers['X-Content-Type-Options'] = 'nosniff';
    this.json(status.code, status.body.toString().trimEnd(), headers);
  }

  text(code: number, text: string): void {
    this.send(code, text, {
      'Content-Type': 'text/plain; charset=utf-8',
      'X-Content-Type-Options': 'nosniff',
    });
  }

  send(code: number, body: string, headers: Record<string, string> = {}): void {
    const bytes = Buffer.from(body);
    this.head(code, { 'Content-Length': String(bytes.length), ...headers });
    this.stream.end(bytes);
  }

  head(code: number, headers: Record<string, string> = {}): void {
    const auditId = this.#request.headers['audit-id'];
    this.stream.writeHead(code, {
      'Audit-Id': typeof auditId === 'string' ? auditId : randomUUID(),
      'Cache-Control': 'no-cache, private',
      'Content-Type': 'application/json',
      'X-Kubernetes-Pf-Flowschema-Uid': FLOW_SCHEMA,
      'X-Kubernetes-Pf-Prioritylevel-Uid': PRIORITY_LEVEL,
      ...headers,
    });
  }

  /** A body of many pieces, gathered into large writes, no faster than it is read. */
  async pieces(pieces: Iterable<Buffer>): Promise<void> {
    this.head(200);
    let gathered: Buffer[] = [];
    let gatheredBytes = 0;
    for (const piece of pieces) {
      gathered.push(piece);
      gatheredBytes += piece.length;
      if (gatheredBytes < WRITE_BYTES) continue;
      const goesOn = this.stream.write(Buffer.concat(gathered));
      gathered = [];
      gatheredBytes = 0;
      if (!goesOn) await this.#drained();
      if (this.ended) return;
    }
    this.stream.end(Buffer.concat(gathered));
  }

  /** Whether the body is to be indented: asked for, or a person's tool (semantics 6.1). */
  get pretty(): boolean {
    const asked = truth(this.#request.query.get('pretty'));
    if (asked !== undefined) return asked;
    return /^(?:curl|Wget|Mozilla\/5\.0)/.test(this.#request.headers['user-agent'] ?? '');
  }

  async #drained(): Promise<void> {
    const stop = new AbortController();
    const { signal } = stop;
    await Promise.race([
      once(this.stream, 'drain', { signal }),
      once(this.stream, 'close', { signal }),
    ]).catch(() => undefined);
    stop.abort();
  }
}
