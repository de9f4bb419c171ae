// What a metric is, and the helpers that the tables of metrics share.

import type { ProxyStatus } from './status.ts';

export type Labels = Readonly<Record<string, string | number>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface MetricDefinition {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly labels: readonly string[];
  readonly read: (status: ProxyStatus) => Iterable<Sample>;
}

export interface HistogramDefinition {
  readonly name: string;
  readonly type: 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets: readonly number[];
}

export const RESOURCE_LABELS = ['group', 'version', 'resource'] as const;
export const MS_PER_SECOND = 1_000;

export function one(value: number, labels: Labels = {}): readonly Sample[] {
  return [{ labels, value }];
}

/** One series per field of a record of counts. */
export function counts(label: string, record: Readonly<Record<string, number>>): readonly Sample[] {
  return Object.entries(record).map(([word, value]) => ({ labels: { [label]: word }, value }));
}
