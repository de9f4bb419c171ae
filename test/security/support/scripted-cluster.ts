// A cluster behind a wire that tells everything: a simulated apiserver, in front of it a plain HTTP server that keeps
// each request as it came, may answer it in another way, may be gone for a while, and a Watershed in a process of its
// own before both. For what a real kube-apiserver never says.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { readFileSync } from 'node:fs';
import { startSimulator } from '../../../src/simulator/simulator.ts';
import type { Simulator } from '../../../src/simulator/simulator.ts';
import type { TokenUser } from '../../../src/simulator/options.ts';
import { makeCertificates } from '../../conformance/control-plane/certificates.ts';
import { Watershed } from '../../conformance/support/watershed.ts';
import type { WatershedOptions } from '../../conformance/support/watershed.ts';
import { RecordingClient } from '../../support/recording-client.ts';

/** Reads everything; the only one whose token the proxy has. */
export const readerToken = 'scripted-reader-token';

export const users: Readonly<Record<string, TokenUser>> = {
  [readerToken]: { user: 'reader', rules: 'all' },
  'root-token': { user: 'root', rules: 'all' },
  'alice-token': {
    user: 'alice',
    rules: [{ verbs: ['get', 'list', 'watch'], resources: ['pods'], namespaces: ['a'] }],
  },
  'nobody-token': { user: 'nobody', rules: 'none' },
};

export interface SeenRequest {
  readonly method: string;
  /** The raw target. */
  readonly target: string;
  readonly rawHeaders: readonly string[];
}

/** True: the request was answered, or its socket taken. */
export type Instead = (request: IncomingMessage, response: ServerResponse) => boolean;
export type OnUpgrade = (request: IncomingMessage, socket: Duplex) => void;

export class ScriptedCluster {
  readonly simulator: Simulator;
  readonly watershed: Watershed;
  readonly authority: Buffer;
  /** Every request that reached upstream, upgrades included, in order. */
  readonly seen: SeenRequest[];
  readonly #wire: Wire;
  readonly #directory: string;
  readonly #clients: RecordingClient[] = [];

  static async start(
    proxy: Pick<WatershedOptions, 'settings' | 'flags'> = {},
  ): Promise<ScriptedCluster> {
    const simulator = await startSimulator({ nodes: 0, podChurnPerSecond: 0, tokens: users });
    for (const name of ['a', 'b']) {
      createObject(simulator, 'namespaces', { name });
      createObject(simulator, 'pods', { name: 'n', namespace: name });
    }
    const wire = await Wire.listen(simulator.port);
    const directory = await mkdtemp(join(tmpdir(), 'watershed-scripted-'));
    const { serving, servingAuthority } = await makeCertificates(directory);
    const kubeconfig = join(directory, 'kubeconfig');
    await writeFile(kubeconfig, kubeconfigText(wire.port), { mode: 0o600 });
    const watershed = await Watershed.start({
      directory,
      kubeconfig,
      certificate: serving,
      caFile: servingAuthority.certFile,
      ...proxy,
    });
    return new ScriptedCluster({ simulator, wire, directory, watershed });
  }

  private constructor(parts: {
    readonly simulator: Simulator;
    readonly wire: Wire;
    readonly directory: string;
    readonly watershed: Watershed;
  }) {
    this.simulator = parts.simulator;
    this.watershed = parts.watershed;
    this.#wire = parts.wire;
    this.#directory = parts.directory;
    this.seen = parts.wire.seen;
    this.authority = readFileSync(parts.watershed.caFile);
  }

  /** Answers requests in place of the simulator until it is taken back. */
  set instead(instead: Instead | undefined) {
    this.#wire.instead = instead;
  }

  set onUpgrade(onUpgrade: OnUpgrade | undefined) {
    this.#wire.onUpgrade = onUpgrade;
  }

  /** Connections to upstream since the start. */
  get connections(): number {
    return this.#wire.connections;
  }

  /** Upstream is gone: its port is closed and every connection is cut. */
  goAway(): Promise<void> {
    return this.#wire.goAway();
  }

  comeBack(): Promise<void> {
    return this.#wire.comeBack();
  }

  /** A client that keeps its connection. */
  async connect(protocol: 'h2' | 'http/1.1' = 'h2'): Promise<RecordingClient> {
    const { port } = this.watershed;
    const client = await RecordingClient.connect({ port, ca: this.authority, protocol });
    this.#clients.push(client);
    return client;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.watershed.stop();
    await this.#wire.goAway();
    await this.simulator.close();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

function createObject(
  { store, writes }: Simulator,
  plural: string,
  metadata: { readonly name: string; readonly namespace?: string },
): void {
  writes.create(store.get('v1', plural), { metadata }, { manager: 'test' });
}

function kubeconfigText(port: number): string {
  const cluster = { server: `http://127.0.0.1:${port}` };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'scripted',
    clusters: [{ name: 'scripted', cluster }],
    users: [{ name: 'reader', user: { token: readerToken } }],
    contexts: [{ name: 'scripted', context: { cluster: 'scripted', user: 'reader' } }],
  });
}

/** What the proxy takes for its apiserver. */
class Wire {
  readonly seen: SeenRequest[] = [];
  instead: Instead | undefined;
  onUpgrade: OnUpgrade | undefined;
  connections = 0;
  readonly #behind: number;
  readonly #sockets = new Set<Socket>();
  readonly #agent = new Agent({ keepAlive: true });
  #server: Server | undefined;
  #port = 0;

  static async listen(behind: number): Promise<Wire> {
    const wire = new Wire(behind);
    await wire.comeBack();
    return wire;
  }

  private constructor(behind: number) {
    this.#behind = behind;
  }

  get port(): number {
    return this.#port;
  }

  async comeBack(): Promise<void> {
    const server = createServer({ requestTimeout: 0, keepAliveTimeout: 60_000 });
    server.on('request', (request, response) => this.#answer(request, response));
    server.on('upgrade', (request, socket) => {
      this.#see(request);
      if (this.onUpgrade === undefined) socket.destroy();
      else this.onUpgrade(request, socket);
    });
    server.on('connection', (socket: Socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((ready) => server.listen(this.#port, '127.0.0.1', ready));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async goAway(): Promise<void> {
    const closed = new Promise((done) => this.#server?.close(done) ?? done(undefined));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    this.#server = undefined;
    this.#agent.destroy();
  }

  #see({ method = '', url = '', rawHeaders }: IncomingMessage): void {
    this.seen.push({ method, target: url, rawHeaders });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.#see(request);
    response.on('error', () => {});
    if (this.instead?.(request, response) === true) {
      request.resume();
      return;
    }
    const passed = httpRequest({
      agent: this.#agent,
      host: '127.0.0.1',
      port: this.#behind,
      method: request.method,
      path: request.url,
      headers: request.rawHeaders as unknown as string[],
    });
    passed.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.rawHeaders);
      response.flushHeaders();
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    passed.on('error', () => response.destroy());
    response.on('close', () => passed.destroy());
    request.pipe(passed);
  }
}
