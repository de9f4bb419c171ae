// Many watches over few HTTP/2 connections, kept as cheap as a client can be: events are counted, not
// kept. The n-th line of every watch is the n-th change, because one writer makes them one by one, so
// the delay of each delivery is known without parsing.

import { connect } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { once } from 'node:events';

const newline = 0x0a;

export interface FleetOptions {
  readonly url: string;
  readonly ca: Buffer;
  readonly token: string;
  readonly path: string;
  readonly watches: number;
  readonly perConnection: number;
  /** Keep the text of every watch as well. */
  readonly keepText?: boolean;
}

export interface FleetWatch {
  readonly stream: ClientHttp2Stream;
  /** Complete lines received. */
  lines: number;
  text: string;
  closed: boolean;
}

export class WatchFleet {
  readonly watches: FleetWatch[] = [];
  /** Called for every line, with its number in its watch. */
  onLine: (line: number) => void = () => {};
  readonly #sessions: ClientHttp2Session[] = [];

  /** Resolves when every watch was accepted. */
  static async open(options: FleetOptions): Promise<WatchFleet> {
    const fleet = new WatchFleet();
    const heads: Promise<unknown>[] = [];
    for (let index = 0; index < options.watches; index++) {
      if (index % options.perConnection === 0) fleet.#addSession(options);
      heads.push(fleet.#addWatch(options));
    }
    await Promise.all(heads);
    return fleet;
  }

  close(): void {
    for (const session of this.#sessions) session.destroy();
  }

  /** Resolves when every watch has that many lines; rejects when one ended before. */
  async untilLines(lines: number): Promise<void> {
    for (const watch of this.watches) {
      while (watch.lines < lines) {
        if (watch.closed) throw new Error(`a watch ended after ${watch.lines} of ${lines} lines`);
        await Promise.race([once(watch.stream, 'data'), once(watch.stream, 'close')]);
      }
    }
  }

  #addSession({ url, ca }: FleetOptions): void {
    const session = connect(url, { ca, servername: 'localhost' });
    session.on('error', ignore);
    this.#sessions.push(session);
  }

  async #addWatch({ token, path, keepText }: FleetOptions): Promise<void> {
    const session = this.#sessions.at(-1)!;
    const stream = session.request({ ':path': path, authorization: `Bearer ${token}` });
    const watch: FleetWatch = { stream, lines: 0, text: '', closed: false };
    this.watches.push(watch);
    stream.on('data', (chunk: Buffer) => {
      if (keepText === true) watch.text += chunk.toString('latin1');
      for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, at + 1)) {
        this.onLine(watch.lines++);
      }
    });
    stream.on('error', ignore);
    stream.on('close', () => {
      watch.closed = true;
    });
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    if (headers[':status'] !== 200)
      throw new Error(`${path}: status ${String(headers[':status'])}`);
  }
}

function ignore(): void {
  // The end of the stream tells.
}
