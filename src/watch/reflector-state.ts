/**
 * The reflector's decisions: which request comes next, after what wait, and what the lane is told.
 *
 *            +--------------------- relist -----------------------+
 *            v                                                    |
 *   idle -> listing -- loaded --> watching -- ended, refused, failed
 *            |  ^                  |   ^                          |
 *            +--+---- waiting <----+   +--- resume at the frontier+
 *
 * `step` is pure: state and input give the next state, one effect, and perhaps word for the lane. reflector.ts performs
 * the effects and feeds their outcomes back. Time enters as durations in the inputs; chance does not enter.
 */

import type { StreamEnd } from './follow.ts';

export type Phase =
  | { readonly kind: 'idle' }
  | { readonly kind: 'listing'; readonly how: 'stream' | 'pages' }
  | { readonly kind: 'watching' }
  | { readonly kind: 'waiting'; readonly next: 'list' | 'watch'; readonly reason: string }
  | { readonly kind: 'stopped'; readonly reason: string };

export interface ReflectorState {
  readonly phase: Phase;
  /** Attempts that failed since the last stream that held for `goodMs`. */
  readonly failures: number;
  /** Upstream has no streaming lists: pages are used from now on. */
  readonly streamingRefused: boolean;
  /** Streams in a row that ended in garbage or an unknown error at `troubleRevision`. */
  readonly troubles: number;
  readonly troubleRevision: number;
}

export type Input =
  | { readonly kind: 'start' }
  /** Upstream accepted the watch. */
  | { readonly kind: 'opened' }
  /** The list is in the lane; a streaming list goes on as a watch. */
  | { readonly kind: 'loaded' }
  /** An answer other than 200. */
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly retryAfterMs: number;
      readonly reason: string;
    }
  /** No usable answer: no connection, a broken list body. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** A stream ended after `lastedMs`, with the lane's frontier at `revision`. */
  | {
      readonly kind: 'ended';
      readonly end: StreamEnd;
      readonly lastedMs: number;
      readonly revision: number;
    }
  /** The wait is over. */
  | { readonly kind: 'timer' }
  /** The lane can no longer be trusted to be continuous with upstream. */
  | { readonly kind: 'relist'; readonly reason: string }
  | { readonly kind: 'stop'; readonly reason: string };

export type Effect =
  | { readonly kind: 'none' }
  | { readonly kind: 'list'; readonly how: 'stream' | 'pages' }
  /** `probe`: first make sure upstream's revision has not gone back behind ours. */
  | { readonly kind: 'watch'; readonly probe: boolean }
  | { readonly kind: 'wait'; readonly failures: number; readonly atLeastMs: number }
  | { readonly kind: 'halt' };

export interface Step {
  readonly state: ReflectorState;
  readonly effect: Effect;
  readonly lane?:
    { readonly kind: 'live' } | { readonly kind: 'disconnected'; readonly reason: string };
}

/** A stream that held this long clears the failures before it. */
export const GOOD_MS = 30_000;

/** A clean end after this long is followed by the next watch at once; client-go draws the same line. */
export const SHORT_MS = 1_000;

/** Streams in a row that end in garbage at one revision before the lane is listed anew. */
export const MAX_TROUBLES = 3;

export const INITIAL_STATE: ReflectorState = Object.freeze({
  phase: Object.freeze({ kind: 'idle' as const }),
  failures: 0,
  streamingRefused: false,
  troubles: 0,
  troubleRevision: -1,
});

export function step(state: ReflectorState, input: Input): Step {
  if (state.phase.kind === 'stopped') return { state, effect: { kind: 'none' } };
  if (input.kind === 'stop') {
    return {
      state: { ...state, phase: { kind: 'stopped', reason: input.reason } },
      effect: { kind: 'halt' },
    };
  }
  if (input.kind === 'relist') return relist(state, input.reason);
  switch (state.phase.kind) {
    case 'idle':
      return input.kind === 'start' ? list(state) : ignored(state, input);
    case 'waiting':
      if (input.kind !== 'timer') return ignored(state, input);
      return state.phase.next === 'list' ? list(state) : watch(state, false);
    case 'listing':
      return stepListing(state, state.phase.how, input);
    case 'watching':
      return stepWatching(state, input);
  }
}

function stepListing(state: ReflectorState, how: 'stream' | 'pages', input: Input): Step {
  switch (input.kind) {
    case 'loaded': {
      const next = { ...state, phase: { kind: 'watching' as const }, troubles: 0 };
      if (how === 'stream')
        return { state: next, effect: { kind: 'none' }, lane: { kind: 'live' } };
      return { state: next, effect: { kind: 'watch', probe: false }, lane: { kind: 'live' } };
    }
    case 'refused':
      if (how === 'stream' && refusesForm(input.status)) return toPages(state);
      return wait(state, 'list', input.reason, input.retryAfterMs);
    case 'failed':
      return wait(state, 'list', input.reason, 0);
    case 'ended':
      // Only a streaming list ends here, and it ended before its mark.
      switch (input.end.kind) {
        case 'unmarked':
        case 'silent':
          return toPages(state);
        case 'error':
          if (isTemporary(input.end.code) || input.end.code === 410) {
            return wait(state, 'list', input.end.reason, input.end.retryAfterMs);
          }
          return toPages(state);
        case 'clean':
          return wait(state, 'list', 'the list ended before its mark', 0);
        case 'cut':
        case 'garbage':
          return wait(state, 'list', input.end.reason, 0);
      }
  }
  return ignored(state, input);
}

function stepWatching(state: ReflectorState, input: Input): Step {
  switch (input.kind) {
    case 'opened':
      return { state, effect: { kind: 'none' }, lane: { kind: 'live' } };
    case 'refused':
      if (input.status === 410) return relist(state, input.reason);
      // The form of a plain watch is never wrong, so a 400 can only mean our revision.
      if (input.status === 400 || input.status === 422) return trouble(state, input.reason, -1);
      return wait(state, 'watch', input.reason, input.retryAfterMs);
    case 'failed':
      return wait(state, 'watch', input.reason, 0);
    case 'ended': {
      const { end, lastedMs, revision } = input;
      const rested = lastedMs >= GOOD_MS ? { ...state, failures: 0 } : state;
      switch (end.kind) {
        case 'clean':
          if (lastedMs >= SHORT_MS) return watch(rested, false);
          return wait(rested, 'watch', 'upstream ended the watch at once', 0);
        case 'silent':
          return watch(rested, true);
        case 'cut':
          return wait(rested, 'watch', end.reason, 0);
        case 'garbage':
        case 'unmarked':
          return trouble(rested, end.reason, revision);
        case 'error':
          if (end.code === 410) return relist(rested, end.reason);
          if (isTemporary(end.code)) return wait(rested, 'watch', end.reason, end.retryAfterMs);
          return trouble(rested, end.reason, revision);
      }
    }
  }
  return ignored(state, input);
}

function list(state: ReflectorState): Step {
  // Every third attempt takes the other way, for servers that break on streaming lists without refusing them.
  const how = state.streamingRefused || state.failures % 3 === 2 ? 'pages' : 'stream';
  return { state: { ...state, phase: { kind: 'listing', how } }, effect: { kind: 'list', how } };
}

function toPages(state: ReflectorState): Step {
  return {
    state: { ...state, streamingRefused: true, phase: { kind: 'listing', how: 'pages' } },
    effect: { kind: 'list', how: 'pages' },
  };
}

function watch(state: ReflectorState, probe: boolean): Step {
  return { state: { ...state, phase: { kind: 'watching' } }, effect: { kind: 'watch', probe } };
}

function wait(
  state: ReflectorState,
  next: 'list' | 'watch',
  reason: string,
  atLeastMs: number,
): Step {
  const failures = state.failures + 1;
  return {
    state: { ...state, failures, phase: { kind: 'waiting', next, reason } },
    effect: { kind: 'wait', failures, atLeastMs },
    lane: { kind: 'disconnected', reason },
  };
}

/** At once after a good time, with a wait when it follows other failures, so that it cannot become a storm. */
function relist(state: ReflectorState, reason: string): Step {
  const lane = { kind: 'disconnected' as const, reason };
  if (state.failures > 0) return wait({ ...state, troubles: 0 }, 'list', reason, 0);
  return { ...list({ ...state, failures: 1, troubles: 0 }), lane };
}

/** Something unintelligible: the same place is tried a few times, then the lane is listed anew. */
function trouble(state: ReflectorState, reason: string, revision: number): Step {
  const troubles = state.troubleRevision === revision ? state.troubles + 1 : 1;
  const next = { ...state, troubles, troubleRevision: revision };
  return troubles >= MAX_TROUBLES ? relist(next, reason) : wait(next, 'watch', reason, 0);
}

/** Statuses by which a server says that it does not know streaming lists. */
function refusesForm(status: number): boolean {
  return status === 400 || status === 405 || status === 406 || status === 422 || status === 501;
}

function isTemporary(code: number): boolean {
  return code === 429 || code === 503;
}

function ignored(state: ReflectorState, input: Input): Step {
  throw new Error(`reflector: ${input.kind} is not expected while ${state.phase.kind}`);
}
