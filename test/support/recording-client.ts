/**
 * A TLS client that keeps everything it received, over HTTP/2 (one connection) or HTTP/1.1 (one
 * connection per open request, kept alive), and can be told to stall.
 */
import { Agent, request as httpsRequest } from 'node:https';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { FrameTap, type ReceivedFrame } from './frame-tap.ts';
import { RecordedResponse } from './recorded-response.ts';

export interface RecordingClientOptions {
  readonly port: number;
  readonly ca: string | Buffer;
  readonly protocol: 'h2' | 'http/1.1';
  readonly host?: string;
  readonly servername?: string;
  /** A client certificate to present. */
  readonly cert?: Buffer;
  readonly key?: Buffer;
  /** HTTP/2 receive window of each stream. */
  readonly initialWindowSize?: number;
}

export interface RecordedRequest {
  readonly path: string;
  /** Default GET. */
  readonly method?: string;
  /** Values in a list become repeated headers. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
  /** Leaves the request body open after `body`. */
  readonly keepBodyOpen?: boolean;
}

interface ProtocolClient {
  open(request: RecordedRequest): RecordedResponse;
  stall(): void;
  unstall(): void;
  close(): void;
}

export class RecordingClient {
  readonly #client: ProtocolClient;
  readonly responses: RecordedResponse[] = [];
  /** HTTP/2 only: frames received, in order. */
  readonly frames: readonly ReceivedFrame[];

  static async connect(options: RecordingClientOptions): Promise<RecordingClient> {
    if (options.protocol === 'http/1.1') return new RecordingClient(new ClientHttp1(options), []);
    const socket = await openTls(options, ['h2']);
    const tap = new FrameTap(socket);
    return new RecordingClient(new ClientHttp2(tap, options), tap.frames);
  }

  private constructor(client: ProtocolClient, frames: readonly ReceivedFrame[]) {
    this.#client = client;
    this.frames = frames;
  }

  /** Sends a request; the response fills while time goes by. */
  open(request: RecordedRequest): RecordedResponse {
    const response = this.#client.open(request);
    this.responses.push(response);
    return response;
  }

  /** Sends a request and waits for the end of its response. */
  send(request: RecordedRequest): Promise<RecordedResponse> {
    return this.open(request).untilEnd();
  }

  get(path: string, headers?: RecordedRequest['headers']): Promise<RecordedResponse> {
    return this.send({ path, headers });
  }

  /** Stops reading from all its sockets. */
  stall(): void {
    this.#client.stall();
  }

  resume(): void {
    this.#client.unstall();
  }

  close(): void {
    this.#client.close();
  }
}

/** A TLS socket of one's own, for hostile bytes. */
export async function openTls(
  options: Omit<RecordingClientOptions, 'protocol'>,
  alpn: string[],
): Promise<TLSSocket> {
  const socket = connectTls({
    host: options.host ?? '127.0.0.1',
    port: options.port,
    ca: options.ca,
    servername: options.servername ?? 'localhost',
    cert: options.cert,
    key: options.key,
    ALPNProtocols: alpn,
  });
  await once(socket, 'secureConnect');
  socket.on('error', ignore);
  socket.setNoDelay(true);
  return socket;
}

class ClientHttp2 implements ProtocolClient {
  readonly #session: ClientHttp2Session;
  readonly #tap: FrameTap;

  constructor(tap: FrameTap, options: RecordingClientOptions) {
    this.#tap = tap;
    const initialWindowSize = options.initialWindowSize ?? 65_535;
    this.#session = connectHttp2(`https://${options.servername ?? 'localhost'}:${options.port}`, {
      createConnection: () => tap,
      settings: { initialWindowSize },
    });
    this.#session.on('error', ignore);
    tap.on('error', ignore);
  }

  open(request: RecordedRequest): RecordedResponse {
    const stream = this.#session.request(
      { ...mutable(request.headers), ':method': request.method ?? 'GET', ':path': request.path },
      { endStream: request.body === undefined && request.keepBodyOpen !== true },
    );
    const recorded = new RecordedResponse({
      pause: () => stream.pause(),
      resume: () => stream.resume(),
      abort: () => stream.close(8),
    });
    stream.on('response', (headers, _flags, raw: string[]) => {
      recorded.recordHead(Number(headers[':status']), raw.slice(2));
    });
    stream.on('data', (chunk: Buffer) => recorded.recordChunk(chunk));
    stream.on('error', ignore);
    // Not only at 'close': a client that still waits to send its body may never get there.
    stream.on('end', () => {
      if (this.#sawEnd(stream.id)) recorded.recordEnd({ kind: 'clean' });
    });
    stream.on('close', () => {
      const code = stream.rstCode ?? 0;
      if (this.#tap.destroyed && !this.#sawEnd(stream.id)) {
        recorded.recordEnd({ kind: 'cut', error: 'connection closed' });
      } else if (code !== 0) recorded.recordEnd({ kind: 'reset', code });
      else recorded.recordEnd({ kind: 'cut', error: 'no END_STREAM' });
    });
    if (request.body !== undefined) stream.write(request.body);
    if (request.keepBodyOpen !== true) stream.end();
    return recorded;
  }

  stall(): void {
    this.#tap.stall();
  }

  unstall(): void {
    this.#tap.unstall();
  }

  /** The session ends with its connection. Ending it first would write a GOAWAY beside a write under way: Node asserts. */
  close(): void {
    this.#tap.destroy();
  }

  /** END_STREAM on DATA or HEADERS of this stream. */
  #sawEnd(id: number | undefined): boolean {
    return this.#tap.frames.some(
      ({ stream, type, flags }) => stream === id && type <= 1 && (flags & 1) !== 0,
    );
  }
}

class ClientHttp1 implements ProtocolClient {
  readonly #agent: Agent;
  readonly #options: RecordingClientOptions;
  readonly #incoming = new Set<IncomingMessage>();

  constructor(options: RecordingClientOptions) {
    this.#options = options;
    this.#agent = new Agent({
      keepAlive: true,
      ca: options.ca,
      cert: options.cert,
      key: options.key,
      servername: options.servername ?? 'localhost',
      ALPNProtocols: ['http/1.1'],
    });
  }

  open(request: RecordedRequest): RecordedResponse {
    const sent = httpsRequest({
      agent: this.#agent,
      host: this.#options.host ?? '127.0.0.1',
      port: this.#options.port,
      method: request.method ?? 'GET',
      path: request.path,
      headers: { ...framing(request), ...mutable(request.headers) },
    });
    let incoming: IncomingMessage | undefined;
    const recorded = new RecordedResponse({
      pause: () => incoming?.pause(),
      resume: () => incoming?.resume(),
      abort: () => sent.destroy(),
    });
    sent.on('response', (response) => {
      incoming = response;
      this.#incoming.add(response);
      recorded.recordHead(response.statusCode ?? 0, response.rawHeaders);
      response.on('data', (chunk: Buffer) => recorded.recordChunk(chunk));
      response.on('error', ignore);
      response.on('close', () => {
        this.#incoming.delete(response);
        recorded.recordEnd(
          response.complete ? { kind: 'clean' } : { kind: 'cut', error: 'incomplete body' },
        );
      });
    });
    sent.on('error', (error) => {
      if (incoming === undefined) recorded.recordEnd({ kind: 'cut', error: error.message });
    });
    if (request.body !== undefined) sent.write(request.body);
    if (request.keepBodyOpen !== true) sent.end();
    else sent.flushHeaders();
    return recorded;
  }

  stall(): void {
    for (const response of this.#incoming) response.pause();
  }

  unstall(): void {
    for (const response of this.#incoming) response.resume();
  }

  close(): void {
    this.#agent.destroy();
    for (const response of this.#incoming) response.destroy();
  }
}

/** node:http frames a body by itself for some methods only. */
function framing(request: RecordedRequest): Record<string, string> {
  if (request.keepBodyOpen === true) return { 'transfer-encoding': 'chunked' };
  if (request.body === undefined) return {};
  return { 'content-length': String(Buffer.byteLength(request.body)) };
}

function mutable(headers: RecordedRequest['headers'] = {}): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : [...value],
    ]),
  );
}

function ignore(): void {
  // Recorded as the end of the response.
}
