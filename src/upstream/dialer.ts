/**
 * Dialer: opens TCP and TLS connections to the one configured upstream.
 *
 * Used by the pools (as undici's connector) and by raw upgrades. The address is a constant from
 * the configuration, never from a request. It reports every failure as UpstreamError and within
 * connectTimeoutMs. TLS sessions are resumed per context, so reconnects after a cut stay cheap.
 */

import { connect as connectTcp, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { checkServerIdentity, connect as connectTls } from 'node:tls';
import type { ConnectionOptions, PeerCertificate, SecureContext } from 'node:tls';
import { authorityOf } from './cluster-config.ts';
import type { ClusterConfig } from './cluster-config.ts';
import { connectError } from './request.ts';
import type { ContextKind, TlsContexts } from './tls-contexts.ts';
import { UpstreamError } from './upstream-error.ts';
import type { UpstreamOptions } from './upstream-options.ts';

type DialOptions = Pick<UpstreamOptions, 'connectTimeoutMs' | 'tcpKeepAliveMs'>;

export class Dialer {
  readonly #cluster: ClusterConfig;
  readonly #contexts: TlsContexts;
  readonly #options: DialOptions;
  readonly #target: string;
  readonly #sessions = new WeakMap<SecureContext, Buffer>();
  /** One begins in a turn of the loop: hundreds are wanted at once when a crowd comes, and each takes a millisecond. */
  #turn: Promise<void> = Promise.resolve();

  /** Plain counters, read at scrape time. */
  dials = 0;
  failures = 0;

  constructor(cluster: ClusterConfig, contexts: TlsContexts, options: DialOptions) {
    this.#cluster = cluster;
    this.#contexts = contexts;
    this.#options = options;
    this.#target = authorityOf(cluster);
  }

  /**
   * A connected (and, for https, verified) socket that speaks HTTP/1.1. Half-open is for upgraded
   * streams, whose sides end one by one; the pools want the default.
   */
  async dial(kind: ContextKind, allowHalfOpen = false): Promise<Socket> {
    const turn = this.#turn;
    this.#turn = turn.then(() => nextTurn());
    await turn;
    this.dials += 1;
    try {
      const context = this.#cluster.scheme === 'https' ? await this.#contexts.get(kind) : undefined;
      return await this.#open(context, allowHalfOpen);
    } catch (error) {
      this.failures += 1;
      throw error;
    }
  }

  #open(context: SecureContext | undefined, allowHalfOpen: boolean): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const { connectTimeoutMs, tcpKeepAliveMs } = this.#options;
      let tcpStood = false;
      const socket =
        context === undefined ? this.#tcp(allowHalfOpen) : this.#tls(context, allowHalfOpen);
      const timer = setTimeout(() => {
        const stage = tcpStood ? 'TLS handshake' : 'connection';
        const text = `no ${stage} with ${this.#target} within ${connectTimeoutMs} ms`;
        socket.destroy(new UpstreamError('unreachable', text));
      }, connectTimeoutMs);
      const onError = (error: Error): void => {
        clearTimeout(timer);
        reject(connectError(error, this.#target, tcpStood));
      };
      socket.once('error', onError);
      socket.once('connect', () => {
        tcpStood = true;
      });
      socket.once(context === undefined ? 'connect' : 'secureConnect', () => {
        clearTimeout(timer);
        socket.off('error', onError);
        // Until the new owner listens, an error must not end the process; 'close' tells it too.
        socket.on('error', () => {});
        socket.setNoDelay(true);
        socket.setKeepAlive(true, tcpKeepAliveMs);
        resolve(socket);
      });
    });
  }

  #tcp(allowHalfOpen: boolean): Socket {
    const { host, port } = this.#cluster;
    return connectTcp({ host, port, allowHalfOpen });
  }

  #tls(context: SecureContext, allowHalfOpen: boolean): Socket {
    const { host, port, tlsServerName, insecureSkipTlsVerify } = this.#cluster;
    const name = tlsServerName === '' ? host : tlsServerName;
    const options: ConnectionOptions & { allowHalfOpen: boolean } = {
      host,
      port,
      allowHalfOpen,
      secureContext: context,
      // An IP address must not be sent as SNI (RFC 6066), yet the certificate is checked for it.
      servername: isIP(name) === 0 ? name : '',
      checkServerIdentity: (_host: string, cert: PeerCertificate) =>
        checkServerIdentity(name, cert),
      rejectUnauthorized: !insecureSkipTlsVerify,
      ALPNProtocols: ['http/1.1'],
      session: this.#sessions.get(context),
    };
    const socket = connectTls(options);
    socket.on('session', (session) => this.#sessions.set(context, session));
    return socket;
  }
}
