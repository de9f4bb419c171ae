/**
 * A client port on 127.0.0.1 with a test certificate, and clients for it; everything is closed at
 * the end of each test file by `close`.
 */
import { existsSync, readdirSync } from 'node:fs';
import { ProxyServer, type ProxyServerOptions } from '../../src/proxy/server.ts';
import { TestAuthority, type IssuedCertificate } from '../support/certificates.ts';
import { openTls, RecordingClient } from '../support/recording-client.ts';

export const PROTOCOLS = ['h2', 'http/1.1'] as const;
export type TestProtocol = (typeof PROTOCOLS)[number];

export interface RunningServer {
  readonly server: ProxyServer;
  readonly port: number;
  readonly failures: unknown[];
  client(protocol: TestProtocol, initialWindowSize?: number): Promise<RecordingClient>;
  socket(alpn?: string[]): ReturnType<typeof openTls>;
}

export class EdgeFixture {
  readonly authority: TestAuthority;
  readonly issued: IssuedCertificate;
  readonly #closers: (() => void)[] = [];

  static async create(): Promise<EdgeFixture> {
    const authority = await TestAuthority.create();
    return new EdgeFixture(authority, await authority.issue());
  }

  private constructor(authority: TestAuthority, issued: IssuedCertificate) {
    this.authority = authority;
    this.issued = issued;
  }

  async start(options: Partial<ProxyServerOptions>): Promise<RunningServer> {
    const failures: unknown[] = [];
    const server = new ProxyServer({
      certificate: { context: this.issued, onChange: () => {} },
      handle: (exchange) => exchange.respondBytes(200, 'text/plain', Buffer.from('ok')),
      upgrade: (_request, socket) => socket.destroy(),
      onFailure: (error) => failures.push(error),
      ...options,
    });
    const { port } = await server.listen('127.0.0.1', 0);
    this.#closers.push(() => server.destroy());
    const { ca } = this.authority;
    return {
      server,
      port,
      failures,
      client: async (protocol, initialWindowSize) => {
        const client = await RecordingClient.connect({ port, ca, protocol, initialWindowSize });
        this.#closers.push(() => client.close());
        return client;
      },
      socket: async (alpn = ['http/1.1']) => {
        const socket = await openTls({ port, ca }, alpn);
        this.#closers.push(() => socket.destroy());
        return socket;
      },
    };
  }

  onClose(closer: () => void): void {
    this.#closers.push(closer);
  }

  async close(): Promise<void> {
    for (const closer of this.#closers.toReversed()) closer();
    await this.authority.remove();
  }
}

/** Descriptors of this process; where /proc is missing, what keeps its event loop busy. */
export function openDescriptors(): number {
  const directory = '/proc/self/fd';
  return existsSync(directory)
    ? readdirSync(directory).length
    : process.getActiveResourcesInfo().length;
}

/** Waits until `condition` holds; the test's own timeout is the only limit. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
