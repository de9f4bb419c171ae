// What a conformance test stands on: a real control plane with the fixtures, a Watershed in front of
// it, and raw clients to both. Promises: each request goes over a connection of its own, is sent as
// written and never repeated; stop() leaves nothing behind.

import { RecordingClient } from '../../support/recording-client.ts';
import type { RecordedResponse } from '../../support/recorded-response.ts';
import { issueCertificate } from '../control-plane/certificates.ts';
import { ControlPlane, startControlPlane } from '../control-plane/control-plane.ts';
import type { KeyPair } from '../control-plane/certificates.ts';
import type { ControlPlaneOptions } from '../control-plane/control-plane.ts';
import { installFixtures } from '../control-plane/fixtures.ts';
import { tokens } from '../control-plane/users.ts';
import type { User } from '../control-plane/users.ts';
import { readFileSync } from 'node:fs';
import { Watershed } from './watershed.ts';
import type { WatershedOptions } from './watershed.ts';

/**
 * An idle kube-apiserver still writes: its identity lease every 10 s, and a mark at each compaction
 * (5 min). With these flags the store's revision stands still (watched for 80 s).
 */
export const quietFlags: readonly string[] = [
  '--feature-gates=APIServerIdentity=false,UnknownVersionInteroperabilityProxy=false',
  '--etcd-compaction-interval=0',
];

export type Protocol = 'http/1.1' | 'h2';

export interface Request {
  readonly path: string;
  /** Default GET. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
  /** A user of the fixtures, any other token, or null for none. Default admin, unless there is a certificate. */
  readonly user?: User | null;
  readonly token?: string;
  /** Shown in the TLS handshake, beside the token if there is one. */
  readonly certificate?: KeyPair;
  /** Default HTTP/1.1. */
  readonly protocol?: Protocol;
}

export interface StackOptions {
  readonly controlPlane?: ControlPlaneOptions;
  readonly proxy?: Pick<WatershedOptions, 'settings' | 'flags'> & {
    /** Its upstream; kube-apiserver by default. */
    readonly upstream?: string;
    /** Takes client certificates of the authority that kube-apiserver takes them of, or of another one. */
    readonly clientAuthority?: true | string;
    /** Knows some callers by name though it takes no client certificates: those with tokens of their own. */
    readonly reviewsTokens?: true;
    /** The account that speaks for callers known by name; one that may impersonate anybody by default. */
    readonly impersonator?: User;
  };
}

/** Starts the control plane with its fixtures; `startProxy` is for tests that prepare more first. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const stack = await startBareStack(options);
  try {
    await stack.startProxy(options.proxy);
    return stack;
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

/** The same without a proxy. */
export async function startBareStack(options: StackOptions = {}): Promise<Stack> {
  const controlPlane = await startControlPlane(options.controlPlane);
  try {
    await installFixtures(controlPlane);
    return new Stack(controlPlane);
  } catch (error) {
    await controlPlane.stop();
    throw error;
  }
}

export class Stack {
  readonly controlPlane: ControlPlane;
  readonly #authority: Buffer;
  readonly #proxies: Watershed[] = [];

  constructor(controlPlane: ControlPlane) {
    this.controlPlane = controlPlane;
    this.#authority = readFileSync(controlPlane.caFile);
  }

  /** What signed the certificates of all servers. */
  get authority(): Buffer {
    return this.#authority;
  }

  /** The first proxy started. */
  get watershed(): Watershed {
    return this.#proxies[0];
  }

  /** Starts a Watershed with the reader's kubeconfig, on free ports. */
  async startProxy(given: StackOptions['proxy'] = {}): Promise<Watershed> {
    const { upstream, clientAuthority, reviewsTokens, impersonator, ...options } = given;
    const { controlPlane } = this;
    const { directory, certificates } = controlPlane;
    const certificate = await issueCertificate({
      directory,
      name: `proxy-${this.#proxies.length + 1}`,
      authority: certificates.servingAuthority,
      subject: '/CN=watershed',
      usage: 'serverAuth',
      alternativeNames: 'IP:127.0.0.1,DNS:localhost',
    });
    const watershed = await Watershed.start({
      directory,
      kubeconfig: await controlPlane.kubeconfig('reader', { server: upstream }),
      certificate,
      caFile: controlPlane.caFile,
      ...options,
      flags: [
        ...this.#authorityFlags(clientAuthority),
        ...(clientAuthority || reviewsTokens ? await this.#accountFlags(impersonator) : []),
        ...(options.flags ?? []),
      ],
    });
    this.#proxies.push(watershed);
    return watershed;
  }

  #authorityFlags(authority: true | string | undefined): readonly string[] {
    if (authority === undefined) return [];
    const own = this.controlPlane.certificates.clientAuthority.certFile;
    return [`--client-ca-file=${authority === true ? own : authority}`];
  }

  async #accountFlags(impersonator: User = 'impersonator'): Promise<readonly string[]> {
    const { controlPlane } = this;
    return [
      `--authorization-kubeconfig=${await controlPlane.kubeconfig('reviewer')}`,
      `--impersonation-kubeconfig=${await controlPlane.kubeconfig(impersonator)}`,
    ];
  }

  /** One request to kube-apiserver. */
  direct(request: Request): Promise<RecordedResponse> {
    return this.#ask(portOf(this.controlPlane.url), request);
  }

  /** The same request to Watershed. */
  proxied(request: Request): Promise<RecordedResponse> {
    return this.#ask(this.watershed.port, request);
  }

  /** A client that keeps its connection. */
  connect(
    target: 'direct' | 'proxied',
    protocol: Protocol = 'h2',
    certificate?: KeyPair,
  ): Promise<RecordingClient> {
    const port = target === 'direct' ? portOf(this.controlPlane.url) : this.watershed.port;
    const ca = this.#authority;
    return RecordingClient.connect({ port, ca, protocol, ...shown(certificate) });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#proxies.map((watershed) => watershed.stop()));
    await this.controlPlane.stop();
  }

  async #ask(port: number, request: Request): Promise<RecordedResponse> {
    const protocol = request.protocol ?? 'http/1.1';
    const ca = this.#authority;
    const certificate = shown(request.certificate);
    const client = await RecordingClient.connect({ port, ca, protocol, ...certificate });
    try {
      return await client.send({
        path: request.path,
        method: request.method,
        headers: { ...authorization(request), ...request.headers },
        body: request.body,
      });
    } finally {
      client.close();
    }
  }
}

function shown(certificate: KeyPair | undefined): { cert?: Buffer; key?: Buffer } {
  if (certificate === undefined) return {};
  return { cert: readFileSync(certificate.certFile), key: readFileSync(certificate.keyFile) };
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

export function authorization(
  request: Pick<Request, 'user' | 'token' | 'certificate'>,
): Record<string, string> {
  if (request.token !== undefined) return { authorization: `Bearer ${request.token}` };
  if (request.user === null) return {};
  if (request.user === undefined && request.certificate !== undefined) return {};
  return { authorization: `Bearer ${tokens[request.user ?? 'admin']}` };
}
