// Durations and quantities as Kubernetes writes them: text in files and flags, plain milliseconds
// and bytes everywhere else. Both directions, so that a printed configuration can be read again.
// Refused: negative values, durations under a millisecond, fractions of a byte.

const DURATION_PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

const NS_PER_UNIT: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3_600e9,
};

const QUANTITY = /^(\d+(?:\.\d*)?|\.\d+)(Ki|Mi|Gi|Ti|k|M|G|T|[eE]\+?\d{1,2})?$/;

const BYTES_PER_SUFFIX: Readonly<Record<string, number>> = {
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
};

/** `1m30s` -> 90000. Go's ParseDuration grammar without signs; undefined when it is not one. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  let totalNs = 0;
  DURATION_PART.lastIndex = 0;
  for (let at = 0; at < text.length; at = DURATION_PART.lastIndex) {
    const part = DURATION_PART.exec(text);
    if (part === null) return undefined;
    totalNs += Number(part[1]) * NS_PER_UNIT[part[2]];
  }
  // 2.3s is not a whole number of nanoseconds in binary; rounding there loses nothing.
  const ms = Math.round(totalNs) / 1e6;
  return text !== '' && Number.isSafeInteger(ms) ? ms : undefined;
}

/** 90000 -> `1m30s`; 100 -> `100ms`; 0 -> `0s`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const seconds = Math.floor((ms % 60_000) / 1_000);
  const rest = ms % 1_000;
  return (
    (hours > 0 ? `${hours}h` : '') +
    (minutes > 0 ? `${minutes}m` : '') +
    (seconds > 0 ? `${seconds}s` : '') +
    (rest > 0 ? `${rest}ms` : '')
  );
}

/** `256Mi` -> 268435456; plain integers are bytes. Undefined when it is not a whole byte count. */
export function parseQuantity(text: string): number | undefined {
  const match = QUANTITY.exec(text);
  if (match === null) return undefined;
  const suffix = match[2] ?? '';
  const factor = BYTES_PER_SUFFIX[suffix] ?? Number(`1${suffix}`);
  const bytes = Number(match[1]) * factor;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** 268435456 -> `256Mi`; the largest binary suffix that leaves a whole number. */
export function formatQuantity(bytes: number): string {
  for (const suffix of ['Ti', 'Gi', 'Mi', 'Ki']) {
    const factor = BYTES_PER_SUFFIX[suffix];
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor}${suffix}`;
  }
  return String(bytes);
}
