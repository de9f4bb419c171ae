/**
 * The budgets of the design (section 6) and the figures that answer them. A budget without a figure yet is listed as not
 * measured. Per core of a 2 GHz-class server.
 */
export interface Budget {
  readonly what: string;
  readonly budget: string;
  readonly rivals: string;
  /** The figure that answers it, from whichever result has it. */
  readonly figure: string;
  readonly target: number;
  readonly better: 'higher' | 'lower';
  readonly unit: string;
  /** What the figure is divided by to be shown in its unit; 1 when absent. */
  readonly shownPer?: number;
}

export const BUDGETS: readonly Budget[] = [
  {
    what: 'ingest, leases JSON, random order, 1M objects',
    budget: '>= 0.6M events/s',
    rivals: 'kube-apiserver about 40K/s on 72 vCPU (published)',
    figure: 'ingest.lease.1000000.random',
    target: 600_000,
    better: 'higher',
    unit: 'events/s',
  },
  {
    what: 'ingest, pods 6 KB JSON',
    budget: '>= 150k/s',
    rivals: 'JSON.parse 17-27k/s',
    figure: 'ingest.pod.100000.ordered',
    target: 150_000,
    better: 'higher',
    unit: 'events/s',
  },
  {
    what: 'bytes per object over its raw bytes, leases',
    budget: '<= 104 B',
    rivals: 'decoded Go objects: 5-10x the raw size',
    figure: 'overhead.lease.1000000',
    target: 104,
    better: 'lower',
    unit: 'B',
  },
  {
    what: 'bytes per object over its raw bytes, pods (8 selectable fields)',
    budget: '<= 104 B',
    rivals: 'decoded Go objects: 5-10x the raw size',
    figure: 'overhead.pod.100000',
    target: 104,
    better: 'lower',
    unit: 'B',
  },
  {
    what: 'one event to one TLS HTTP/2 watcher',
    budget: '<= 31 us',
    rivals: 'kube-apiserver 23 us (20 streams per connection), 37 us (one)',
    figure: 'fan-out.h2.us-per-event',
    target: 31,
    better: 'lower',
    unit: 'us',
  },
  {
    what: 'saturated deliveries, 2,000 TLS watchers',
    budget: '>= 800K/s',
    rivals: 'kube-apiserver 87-130K/s per core',
    figure: 'fan-out.saturated',
    target: 800_000,
    better: 'higher',
    unit: 'events/s',
  },
  {
    what: 'idle watch, 18 per connection (measured: 20)',
    budget: '<= 13 KiB',
    rivals: 'kube-apiserver 36-41 KiB',
    figure: 'fan-out.idle-watch-bytes',
    target: 13 * 1024,
    better: 'lower',
    unit: 'KiB',
    shownPer: 1024,
  },
  {
    what: 'LIST, identity, over TLS',
    budget: '>= 650 MB/s',
    rivals: 'kube-apiserver 108-187 MB/s',
    figure: 'list.identity.bytes-per-second',
    target: 650e6,
    better: 'higher',
    unit: 'MB/s',
    shownPer: 1e6,
  },
  {
    what: 'write to watcher, 1,000 watchers, 20K events/s, 10 stalled',
    budget: 'p99 < 50 ms',
    rivals: '0.14-0.7 s published',
    figure: 'latency.p99-ms',
    target: 50,
    better: 'lower',
    unit: 'ms',
  },
];
