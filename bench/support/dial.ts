/** Opens TLS connections of the load client. All of them read into one buffer, as nothing is kept. */
import { connect } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import type { ClientConnection, RequestHead } from './body-reader.ts';
import { Http1Connection } from './http1-connection.ts';
import { Http2Connection } from './http2-connection.ts';

export type Protocol = 'h2' | 'http/1.1';

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly token: string;
  readonly protocol: Protocol;
}

const READ_BYTES = 64 * 1024;
const readBuffer = Buffer.alloc(READ_BYTES);

export interface Dialled {
  readonly connection: ClientConnection;
  readonly socket: TLSSocket;
}

export interface DialOptions {
  readonly stalled?: boolean;
  /** Runs before the bytes of one read are looked at. */
  readonly onRead?: () => void;
}

export function dial(
  target: Target,
  { stalled = false, onRead }: DialOptions = {},
): Promise<Dialled> {
  const { host, port, protocol, token } = target;
  const head: RequestHead = { authority: `${host}:${port}`, token };
  let connection: ClientConnection | undefined;
  const options: ConnectionOptions & { onread: unknown } = {
    host,
    port,
    ALPNProtocols: [protocol],
    // The same cipher against every server, so that they are compared at equal work.
    ciphers: 'TLS_AES_128_GCM_SHA256',
    minVersion: 'TLSv1.3',
    // The benches made the server's certificate themselves a moment ago.
    rejectUnauthorized: false,
    onread: {
      buffer: readBuffer,
      callback: (length: number, bytes: Buffer): boolean => {
        onRead?.();
        connection?.receive(bytes, length);
        return true;
      },
    },
  };
  return new Promise((resolve, reject) => {
    const socket = connect(options, () => {
      if (socket.alpnProtocol !== protocol) {
        reject(new Error(`the server does not speak ${protocol}`));
        return;
      }
      socket.setNoDelay(true);
      const Connection = protocol === 'h2' ? Http2Connection : Http1Connection;
      connection = new Connection(socket, head, stalled);
      resolve({ connection, socket });
    });
    socket.on('error', reject);
    socket.on('close', () => connection?.closed());
  });
}
