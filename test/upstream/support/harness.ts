/** One place that starts scripted apiservers and Upstreams for a test and closes both after it. */

import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { Secret } from '../../../src/upstream/cluster-config.ts';
import { UpstreamError } from '../../../src/upstream/upstream-error.ts';
import { Upstream } from '../../../src/upstream/upstream.ts';
import type { ForwardRequest } from '../../../src/upstream/upstream.ts';
import { makeCertificates } from './certificates.ts';
import type { Certificates } from './certificates.ts';
import { plainCluster, startHttp, startHttps, tlsCluster } from './server.ts';
import type { IncomingMessage, ServerResponse, TestServer } from './server.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface Served {
  readonly server: TestServer;
  readonly upstream: Upstream;
}

export interface Harness {
  readonly certificates: Certificates;
  /** Closes it after the test, the last opened first. */
  closing<T extends { close(): Promise<void> }>(thing: T): T;
  /** A TLS server and an Upstream with a client certificate named `reader`. */
  serveTls(handler: Handler): Promise<Served>;
  servePlain(handler: Handler): Promise<Served>;
}

/** Call at the top of a test file. */
export function useServers(): Harness {
  const closers: (() => Promise<void>)[] = [];
  let certificates: Certificates | undefined;
  beforeAll(() => {
    certificates = makeCertificates();
  });
  afterAll(() => certificates?.remove());
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) {
      await close();
    }
  });
  const closing = <T extends { close(): Promise<void> }>(thing: T): T => {
    closers.push(() => thing.close());
    return thing;
  };
  const made = (): Certificates => {
    if (certificates === undefined) {
      throw new Error('certificates are made before the first test');
    }
    return certificates;
  };
  return {
    get certificates() {
      return made();
    },
    closing,
    async serveTls(handler) {
      const server = closing(await startHttps(made(), handler));
      const { cert, key } = made().client('reader');
      const cluster = tlsCluster(server, made(), {
        clientCertificate: { kind: 'data', pem: new Secret(cert), origin: 'test' },
        clientKey: { kind: 'data', pem: new Secret(key), origin: 'test' },
      });
      return { server, upstream: closing(Upstream.connect(cluster)) };
    },
    async servePlain(handler) {
      const server = closing(await startHttp(handler));
      return { server, upstream: closing(Upstream.connect(plainCluster(server))) };
    },
  };
}

export function get(path: string, rawHeaders: readonly string[] = []): ForwardRequest {
  return { method: 'GET', path, rawHeaders, body: null };
}

/** The code of the UpstreamError that `work` rejects with. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UpstreamError);
  return (error as UpstreamError).code;
}

/** `Name: value` texts as raw header pairs. */
export function raw(...headers: readonly string[]): string[] {
  return headers.flatMap((header) => {
    const colon = header.indexOf(': ');
    return [header.slice(0, colon), header.slice(colon + 2)];
  });
}
