// The log: pino with the field names of Kubernetes, ISO time and levels as words, on standard error.
// Every line's fields go through loggable() and the line through redact(). Verbosity is Kubernetes' -v: 0 normal, 2 one line per request,
// 4 debug, 6 trace. Messages begin with a capital, are in the past tense and have no full stop.

import { pino, stdTimeFunctions } from 'pino';
import type { Logger } from 'pino';
import { loggable } from './loggable.ts';
import { redact } from './redact.ts';
import type { Source } from './status.ts';

export type { Logger } from 'pino';

const STANDARD_ERROR = 2;

/** Lines that wait for a slow reader of standard error; beyond this they are dropped, not hoarded. */
const MAX_PENDING_BYTES = 4_194_304;

const MAX_PATH_LENGTH = 512;
const MAX_USER_AGENT_LENGTH = 64;
const MAX_METHOD_LENGTH = 32;
const MAX_USER_LENGTH = 256;
/** kube-apiserver's own limit on an audit ID. */
const MAX_AUDIT_ID_LENGTH = 64;

export interface LogOptions {
  readonly verbosity: number;
  readonly format: 'json' | 'text';
  /** Where lines go instead of standard error. */
  readonly write?: (line: string) => void;
}

export interface Log {
  readonly logger: Logger;
  /** Writes out what is pending; for just before the process ends. */
  flush(): void;
}

export function levelOf(verbosity: number): 'info' | 'debug' | 'trace' {
  if (verbosity >= 6) return 'trace';
  return verbosity >= 4 ? 'debug' : 'info';
}

export function createLog({ verbosity, format, write }: LogOptions): Log {
  const destination =
    write === undefined
      ? pino.destination({ fd: STANDARD_ERROR, sync: false, maxLength: MAX_PENDING_BYTES })
      : undefined;
  const sink = write ?? ((line: string) => destination?.write(line));
  const toText = format === 'text' ? textLine : (line: string) => line;
  const logger = pino(
    {
      level: levelOf(verbosity),
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: loggable },
      // Errors are reduced by then; pino's own serializer would take the result for another error.
      serializers: { err: (error: unknown) => error },
    },
    { write: (line: string) => sink(toText(redact(line))) },
  );
  return {
    logger,
    flush: () => {
      try {
        destination?.flushSync();
      } catch {
        // Nobody reads standard error any more; there is nowhere left to say so.
      }
    },
  };
}

/** `2026-11-23T10:00:00.000Z INFO Message key=value`. */
function textLine(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  let text = `${String(time)} ${String(level).toUpperCase()} ${String(msg ?? '')}`;
  for (const [name, value] of Object.entries(fields)) {
    const simple = typeof value === 'string' && /^[^\s"=]+$/.test(value);
    text += ` ${name}=${simple ? value : JSON.stringify(value)}`;
  }
  return `${text}\n`;
}

export interface RequestLine {
  readonly method: string;
  /** Raw target; only its path is written, never query values. */
  readonly target: string;
  readonly verb: string;
  /** `apps/v1/deployments`; empty for requests that are not about a resource. */
  readonly resource: string;
  readonly namespace: string;
  /** Empty where only upstream knows who a token stands for. */
  readonly user: string;
  readonly code: number;
  readonly source: Source;
  /** Why it was passed through; empty otherwise. */
  readonly reason: string;
  readonly latencyMs: number;
  readonly userAgent: string;
  readonly auditId: string;
}

/** Writes one line per request at -v=2 and above; undefined below, so that it costs nothing. */
export function requestLog(
  logger: Logger,
  verbosity: number,
): ((line: RequestLine) => void) | undefined {
  if (verbosity < 2) return undefined;
  return ({ target, userAgent, latencyMs, method, user, auditId, ...rest }) => {
    const line = {
      method: method.slice(0, MAX_METHOD_LENGTH),
      ...rest,
      user: user.slice(0, MAX_USER_LENGTH),
      auditId: auditId.slice(0, MAX_AUDIT_ID_LENGTH),
    };
    const fields = Object.entries(line).filter(([, value]) => value !== '');
    logger.info(
      {
        ...Object.fromEntries(fields),
        path: target.split('?', 1)[0].slice(0, MAX_PATH_LENGTH),
        latencyMs: Math.round(latencyMs * 1_000) / 1_000,
        userAgent: userAgent.slice(0, MAX_USER_AGENT_LENGTH).replaceAll(/[^A-Za-z0-9._/-]/g, '_'),
      },
      'Served request',
    );
  };
}
