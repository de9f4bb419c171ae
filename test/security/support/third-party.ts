// A host that nobody may be led to: it counts who comes.

import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

export class ThirdParty {
  visits = 0;
  readonly #server = createServer((socket) => {
    this.visits += 1;
    socket.on('error', () => {});
    socket.destroy();
  });

  static async listen(): Promise<ThirdParty> {
    const third = new ThirdParty();
    await new Promise<void>((ready) => third.#server.listen(0, '127.0.0.1', ready));
    return third;
  }

  private constructor() {}

  /** `127.0.0.1:40123` */
  get authority(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
  }
}
