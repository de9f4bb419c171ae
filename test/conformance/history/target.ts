// One proxy under test between two relays: clients - relay - proxy - relay - kube-apiserver. Knows when
// the proxy listed a resource anew, because only then a bridge may stand in for events.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { issueCertificate } from '../control-plane/certificates.ts';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { Watershed } from '../support/watershed.ts';
import type { WatershedOptions } from '../support/watershed.ts';
import type { Record } from './records.ts';
import { TcpCutter } from './tcp-cutter.ts';

const pollMs = 500;
const toleranceMs = 2_000;

export interface TargetOptions {
  readonly name: string;
  /** `lanes.bridgeUpstreamExpiry`. */
  readonly bridging: boolean;
  readonly settings: WatershedOptions['settings'];
}

export class Target {
  readonly name: string;
  readonly bridging: boolean;
  readonly watershed: Watershed;
  readonly toUpstream: TcpCutter;
  readonly toProxy: TcpCutter;
  readonly ca: Buffer;
  readonly #stopped = new AbortController();
  /** Plural of a resource, and the moments at which a lane of it was seen to have listed again. */
  readonly #relisted = new Map<string, number[]>();
  /** Sum over all lanes and processes. */
  relists = 0;

  static async start(controlPlane: ControlPlane, options: TargetOptions): Promise<Target> {
    const { directory, certificates, caFile } = controlPlane;
    const toUpstream = await TcpCutter.listen(Number(new URL(controlPlane.url).port));
    const server = `https://127.0.0.1:${toUpstream.port}`;
    const certificate = await issueCertificate({
      directory,
      name: `proxy-${options.name}`,
      authority: certificates.servingAuthority,
      subject: '/CN=watershed',
      usage: 'serverAuth',
      alternativeNames: 'IP:127.0.0.1,DNS:localhost',
    });
    const { lanes, ...settings } = options.settings ?? {};
    const watershed = await Watershed.start({
      directory,
      kubeconfig: await controlPlane.kubeconfig('reader', { server }),
      certificate,
      caFile,
      settings: { ...settings, lanes: { ...lanes, bridgeUpstreamExpiry: options.bridging } },
    });
    const toProxy = await TcpCutter.listen(watershed.port);
    return new Target(options, watershed, toUpstream, toProxy);
  }

  private constructor(
    { name, bridging }: TargetOptions,
    watershed: Watershed,
    toUpstream: TcpCutter,
    toProxy: TcpCutter,
  ) {
    this.name = name;
    this.bridging = bridging;
    this.watershed = watershed;
    this.toUpstream = toUpstream;
    this.toProxy = toProxy;
    this.ca = readFileSync(watershed.caFile);
    void this.#poll();
  }

  get url(): string {
    return `https://127.0.0.1:${this.toProxy.port}`;
  }

  /** A lane of its resource had been listed anew while it was recorded. */
  mayBridge({
    resource,
    beganMs,
    endedMs,
  }: Pick<Record, 'resource' | 'beganMs' | 'endedMs'>): boolean {
    if (!this.bridging) return false;
    const [from, to] = [beganMs - toleranceMs, endedMs + toleranceMs];
    return (this.#relisted.get(resource) ?? []).some((moment) => moment >= from && moment <= to);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.toProxy.close();
    await this.watershed.stop();
    this.toUpstream.close();
  }

  async #poll(): Promise<void> {
    const known = new Map<string, number>();
    while (!this.#stopped.signal.aborted) {
      // It does not answer while it is restarted.
      const status = await this.watershed.status().catch(() => undefined);
      const lanes = status?.lanes ?? [];
      for (const { resource, form, initializations } of lanes) {
        if (initializations > 1) this.#relistedNow(resource);
        const lane = `${resource} ${form}`;
        const before = known.get(lane) ?? 1;
        if (initializations > before) this.relists += initializations - before;
        known.set(lane, initializations);
      }
      // What a lane did between the last look and its end is not known.
      const open = new Set(lanes.map(({ resource, form }) => `${resource} ${form}`));
      for (const lane of known.keys()) {
        if (open.has(lane)) continue;
        known.delete(lane);
        this.#relistedNow(lane.split(' ')[0]);
      }
      await sleep(pollMs);
    }
  }

  #relistedNow(resource: string): void {
    const moments = this.#relisted.get(resource) ?? [];
    moments.push(performance.now());
    this.#relisted.set(resource, moments);
  }
}
