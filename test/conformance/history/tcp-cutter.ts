// A TCP relay in this process that can cut, stall and refuse the connections it carries. It changes no
// byte and keeps none: who cannot write does not read.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Random } from './random.ts';

interface Relay {
  readonly client: Socket;
  readonly server: Socket;
}

export class TcpCutter {
  readonly #targetPort: number;
  readonly #server: Server;
  readonly #relays = new Set<Relay>();
  #stalled = false;
  #refusing = false;

  /** Listens on a free port of 127.0.0.1. */
  static async listen(targetPort: number): Promise<TcpCutter> {
    const cutter = new TcpCutter(targetPort);
    cutter.#server.listen(0, '127.0.0.1');
    await once(cutter.#server, 'listening');
    return cutter;
  }

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer({ noDelay: true }, (client) => this.#accept(client));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Cuts every connection, or each with a chance in percent; returns how many. */
  cut(random: Random, percent = 100): number {
    let count = 0;
    for (const relay of this.#relays) {
      if (!random.chance(percent)) continue;
      end(relay, random.chance(50));
      count++;
    }
    return count;
  }

  /** Nothing goes through until `resume`; connections stay. */
  stall(): void {
    this.#stalled = true;
    for (const { client, server } of this.#relays) {
      client.pause();
      server.pause();
    }
  }

  resume(): void {
    this.#stalled = false;
    for (const { client, server } of this.#relays) {
      if (server.writableNeedDrain === false) client.resume();
      if (client.writableNeedDrain === false) server.resume();
    }
  }

  /** New connections are closed at once. */
  refuse(refusing: boolean): void {
    this.#refusing = refusing;
  }

  close(): void {
    this.#server.close();
    for (const relay of this.#relays) end(relay, false);
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ port: this.#targetPort, host: '127.0.0.1', noDelay: true });
    const relay = { client, server };
    this.#relays.add(relay);
    this.#carry(relay, client, server);
    this.#carry(relay, server, client);
  }

  #carry(relay: Relay, from: Socket, to: Socket): void {
    from.on('data', (bytes) => {
      if (!to.write(bytes)) from.pause();
    });
    to.on('drain', () => {
      if (!this.#stalled) from.resume();
    });
    from.on('end', () => to.end());
    from.on('error', () => end(relay, true));
    from.on('close', () => {
      this.#relays.delete(relay);
      to.destroySoon();
    });
    if (this.#stalled) from.pause();
  }
}

function end({ client, server }: Relay, hard: boolean): void {
  for (const socket of [client, server]) {
    if (hard) socket.resetAndDestroy();
    else socket.destroy();
  }
}
