// Requests as bytes, for what no HTTP client would send: written to a TLS socket of their own, and everything that came
// back until the server closed it or enough had come.

import { openTls } from '../../support/recording-client.ts';

export interface RawTarget {
  readonly port: number;
  readonly ca: string | Buffer;
}

/** A request head out of its lines. */
export function head(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** Sends bytes (latin1), gives what came back. The caller's own timeout is the bound. */
export async function exchangeRaw(
  target: RawTarget,
  bytes: string,
  isEnough: (text: string) => boolean = () => false,
): Promise<string> {
  const socket = await openTls(target, ['http/1.1']);
  let text = '';
  const closed = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (isEnough(text)) resolve();
    });
    socket.once('close', () => resolve());
  });
  socket.write(Buffer.from(bytes, 'latin1'));
  await closed;
  socket.destroy();
  return text;
}

export function statusOf(text: string): number {
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 0);
}
