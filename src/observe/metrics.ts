// The /metrics text. Hot paths only count plain numbers; everything in metric-table.ts is read from
// one ProxyStatus per scrape. The exception is the request histogram, observed once per request.

import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { metricTable, proofDuration, requestDuration } from './metric-table.ts';
import type { HistogramDefinition, MetricDefinition } from './metric.ts';
import type { RequestCounters, FinishedRequest } from './requests.ts';
import type { ProxyStatus, ReadStatus } from './status.ts';

const MS_PER_SECOND = 1_000;

/** Shown in every help text, as Kubernetes does: names may still change. */
const STABILITY = '[ALPHA]';

export class Metrics {
  readonly contentType: string;
  readonly #registry = new Registry();
  readonly #duration: Histogram;
  readonly #proofDuration: Histogram;
  readonly #requests: RequestCounters;
  readonly #readStatus: ReadStatus;
  /** The status of the scrape under way, shared by every metric in it. */
  #status: ProxyStatus | undefined;

  constructor(readStatus: ReadStatus, requests: RequestCounters) {
    this.#readStatus = readStatus;
    this.#requests = requests;
    this.contentType = this.#registry.contentType;
    for (const definition of metricTable) this.#register(definition);
    this.#duration = this.#histogram(requestDuration);
    this.#proofDuration = this.#histogram(proofDuration);
    collectDefaultMetrics({ register: this.#registry });
  }

  /** Puts a finished request into the histogram; counting it is RequestCounters' affair. */
  observeRequest(request: FinishedRequest): void {
    if (request.durationMs === undefined) return;
    const { verb, source } = this.#requests.labels(request);
    this.#duration.observe({ verb, source }, request.durationMs / MS_PER_SECOND);
  }

  /** Puts one consistent read into the histogram: how it was proven, and how long that took. */
  observeProof(proof: string, tookMs: number): void {
    this.#proofDuration.observe({ proof }, tookMs / MS_PER_SECOND);
  }

  /** The whole exposition; scrapes do not overlap because reading is synchronous. */
  async render(): Promise<string> {
    this.#status = this.#readStatus();
    return await this.#registry.metrics();
  }

  #histogram({ name, help, labels, buckets }: HistogramDefinition): Histogram {
    return new Histogram({
      name,
      help: `${STABILITY} ${help}`,
      labelNames: [...labels],
      buckets: [...buckets],
      registers: [this.#registry],
    });
  }

  #register(definition: MetricDefinition): void {
    const settings = {
      name: definition.name,
      help: `${STABILITY} ${definition.help}`,
      labelNames: [...definition.labels],
      registers: [this.#registry],
    };
    const samples = () => definition.read(this.#status ?? this.#readStatus());
    if (definition.type === 'counter') {
      // A counter of prom-client is set by emptying it and adding the total.
      const counter = new Counter({
        ...settings,
        collect: () => {
          counter.reset();
          for (const { labels, value } of samples()) counter.inc(labels, value);
        },
      });
      return;
    }
    const gauge = new Gauge({
      ...settings,
      collect: () => {
        gauge.reset();
        for (const { labels, value } of samples()) gauge.set(labels, value);
      },
    });
  }
}
