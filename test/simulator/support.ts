// A small client for the simulator's tests: JSON in, JSON out, and watches read line by line. It
// speaks plain HTTP/1.1 over real sockets and never retries.

import { Agent, request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { afterAll } from 'vitest';
import { startSimulator } from '../../src/simulator/simulator.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import type { SimulatorOptions } from '../../src/simulator/options.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON. */
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly json: any;
}

export interface WatchLine {
  readonly type: string;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly object: any;
}

/** A cluster without nodes and without anything happening by itself. */
export const quiet: Partial<SimulatorOptions> = {
  nodes: 0,
  podChurnPerSecond: 0,
  freshnessTimeoutMs: 50,
};

/** Starts a simulator that ends with the test file. */
export async function simulate(options: Partial<SimulatorOptions> = quiet): Promise<Client> {
  const simulator = await startSimulator(options);
  const client = new Client(simulator);
  afterAll(() => client.close());
  return client;
}

export class Client {
  readonly simulator: Simulator;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(simulator: Simulator) {
    this.simulator = simulator;
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('GET', path, undefined, headers);
  }

  async send(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const message = await this.open(method, path, body, headers);
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const status = message.statusCode ?? 0;
    const json = /^[[{]/.test(text) ? JSON.parse(text) : undefined;
    return { status, headers: message.headers, text, json };
  }

  async watch(path: string, headers: Record<string, string> = {}): Promise<WatchReader> {
    return new WatchReader(await this.open('GET', path, undefined, headers));
  }

  /** Creates a config map and returns it. */
  async configMap(namespace: string, name: string, more: object = {}): Promise<Answer['json']> {
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const { metadata = {}, ...rest } = more as { metadata?: object };
    return (await this.send('POST', path, { metadata: { name, ...metadata }, ...rest })).json;
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    await this.simulator.close();
  }

  open(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<IncomingMessage> {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const length = String(Buffer.byteLength(text ?? ''));
      const type = { 'Content-Type': 'application/json', 'Content-Length': length };
      const request = httpRequest(`${this.simulator.url}${path}`, {
        method,
        agent: this.#agent,
        headers: { ...(text === undefined ? {} : type), ...headers },
      });
      request.once('response', resolve);
      request.once('error', reject);
      request.end(text);
    });
  }
}

export class WatchReader {
  readonly status: number;
  readonly #message: IncomingMessage;
  readonly #lines: AsyncIterator<string>;

  constructor(message: IncomingMessage) {
    this.status = message.statusCode ?? 0;
    this.#message = message;
    message.on('error', () => undefined);
    this.#lines = createInterface({ input: message })[Symbol.asyncIterator]();
  }

  /** The next line as it is; undefined at the end of the stream. */
  async line(): Promise<string | undefined> {
    const { value, done } = await this.#lines.next();
    return done === true ? undefined : (value as string);
  }

  async next(): Promise<WatchLine> {
    const line = await this.line();
    if (line === undefined) throw new Error('the watch has ended');
    return JSON.parse(line) as WatchLine;
  }

  /** `ADDED name` and so on, for the next lines. */
  async take(count: number): Promise<string[]> {
    const taken: string[] = [];
    while (taken.length < count) {
      const { type, object } = await this.next();
      taken.push(`${type} ${object.metadata.name}`);
    }
    return taken;
  }

  /** Whether the stream ended as HTTP says it should. */
  async ended(): Promise<boolean> {
    try {
      while ((await this.line()) !== undefined);
    } catch {
      // Broken off; `complete` says so too.
    }
    return this.#message.complete;
  }

  close(): void {
    this.#message.destroy();
  }
}
