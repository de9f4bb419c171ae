import { describe, expect, test } from 'vitest';
import type { StreamEnd } from '../../src/watch/follow.ts';
import {
  GOOD_MS,
  INITIAL_STATE,
  type Input,
  MAX_TROUBLES,
  type ReflectorState,
  type Step,
  step,
} from '../../src/watch/reflector-state.ts';

function run(state: ReflectorState, ...inputs: Input[]): Step {
  let last: Step = { state, effect: { kind: 'none' } };
  for (const input of inputs) last = step(last.state, input);
  return last;
}

const start: Input = { kind: 'start' };
const loaded: Input = { kind: 'loaded' };
const timer: Input = { kind: 'timer' };

function ended(end: StreamEnd, lastedMs = 5_000, revision = 7): Input {
  return { kind: 'ended', end, lastedMs, revision };
}

function refused(status: number, retryAfterMs = 0): Input {
  return { kind: 'refused', status, retryAfterMs, reason: `HTTP ${status}` };
}

function errorEvent(code: number, retryAfterMs = 0): Input {
  return ended({ kind: 'error', code, retryAfterMs, reason: `error ${code}` });
}

const watching = run(INITIAL_STATE, start, loaded).state;

describe('listing', () => {
  test('begins with a streaming list', () => {
    expect(run(INITIAL_STATE, start).effect).toEqual({ kind: 'list', how: 'stream' });
  });

  test('is over when the mark came, and the same stream goes on', () => {
    const { state, effect, lane } = run(INITIAL_STATE, start, loaded);
    expect(state.phase).toEqual({ kind: 'watching' });
    expect(effect).toEqual({ kind: 'none' });
    expect(lane).toEqual({ kind: 'live' });
  });

  test.each([400, 405, 406, 422, 501])('goes to pages, for good, after HTTP %i', (status) => {
    const { state, effect } = run(INITIAL_STATE, start, refused(status));
    expect(effect).toEqual({ kind: 'list', how: 'pages' });
    expect(state.streamingRefused).toBe(true);
    const again = run(state, loaded, { kind: 'relist', reason: 'test' });
    expect(again.effect).toEqual({ kind: 'list', how: 'pages' });
  });

  test.each<[string, StreamEnd]>([
    ['nothing comes for long', { kind: 'silent' }],
    ['a change comes before the mark', { kind: 'unmarked', reason: 'x' }],
    ['an error event says it cannot', { kind: 'error', code: 500, retryAfterMs: 0, reason: 'x' }],
  ])('goes to pages when %s', (_name, end) => {
    expect(run(INITIAL_STATE, start, ended(end)).effect).toEqual({ kind: 'list', how: 'pages' });
  });

  test('in pages is followed by a watch', () => {
    const { state, effect, lane } = run(INITIAL_STATE, start, refused(422), loaded);
    expect(state.phase).toEqual({ kind: 'watching' });
    expect(effect).toEqual({ kind: 'watch', probe: false });
    expect(lane).toEqual({ kind: 'live' });
  });

  test.each([401, 403, 404, 410, 429, 500, 503])('waits and tries again after HTTP %i', (code) => {
    const { state, effect } = run(INITIAL_STATE, start, refused(code, 4_000));
    expect(state.phase).toMatchObject({ kind: 'waiting', next: 'list' });
    expect(effect).toEqual({ kind: 'wait', failures: 1, atLeastMs: 4_000 });
    expect(step(state, timer).effect).toEqual({ kind: 'list', how: 'stream' });
  });

  test.each<[string, Input]>([
    ['no answer', { kind: 'failed', reason: 'refused' }],
    ['a clean end before the mark', ended({ kind: 'clean' })],
    ['a cut before the mark', ended({ kind: 'cut', reason: 'reset' })],
    ['garbage', ended({ kind: 'garbage', reason: 'bad' })],
  ])('waits longer and longer after %s', (_name, input) => {
    const once = run(INITIAL_STATE, start, input);
    expect(once.effect).toEqual({ kind: 'wait', failures: 1, atLeastMs: 0 });
    const twice = run(once.state, timer, input);
    expect(twice.effect).toEqual({ kind: 'wait', failures: 2, atLeastMs: 0 });
  });

  test('tries pages every third time, without giving up on streaming lists', () => {
    const failed: Input = { kind: 'failed', reason: 'x' };
    const third = run(INITIAL_STATE, start, failed, timer, failed, timer);
    expect(third.effect).toEqual({ kind: 'list', how: 'pages' });
    expect(run(third.state, failed, timer).effect).toEqual({ kind: 'list', how: 'stream' });
  });
});

describe('watching', () => {
  test('goes on at once after a clean end', () => {
    const { effect, lane } = run(watching, ended({ kind: 'clean' }));
    expect(effect).toEqual({ kind: 'watch', probe: false });
    expect(lane).toBeUndefined();
  });

  test('waits after a clean end that came at once', () => {
    const { effect, lane } = run(watching, ended({ kind: 'clean' }, 20));
    expect(effect).toEqual({ kind: 'wait', failures: 1, atLeastMs: 0 });
    expect(lane).toMatchObject({ kind: 'disconnected' });
  });

  test('waits after a cut, then resumes', () => {
    const { state, effect, lane } = run(watching, ended({ kind: 'cut', reason: 'reset' }));
    expect(effect).toEqual({ kind: 'wait', failures: 1, atLeastMs: 0 });
    expect(lane).toEqual({ kind: 'disconnected', reason: 'reset' });
    expect(run(state, timer).effect).toEqual({ kind: 'watch', probe: false });
    expect(run(state, timer, { kind: 'opened' }).lane).toEqual({ kind: 'live' });
  });

  test('forgets its failures after a stream that held', () => {
    const cut = (lastedMs: number): Input => ended({ kind: 'cut', reason: 'reset' }, lastedMs);
    const often = run(watching, cut(10), timer, cut(10), timer, cut(10), timer);
    expect(often.state.failures).toBe(3);
    expect(run(often.state, cut(GOOD_MS)).effect).toMatchObject({ failures: 1 });
  });

  test('asks for the revision before it resumes after a silence', () => {
    expect(run(watching, ended({ kind: 'silent' })).effect).toEqual({ kind: 'watch', probe: true });
  });

  test.each<[string, Input]>([
    ['an expired event', errorEvent(410)],
    ['HTTP 410', refused(410)],
    ['a word from outside', { kind: 'relist', reason: 'set back' }],
  ])('lists anew at once after %s', (_name, input) => {
    const { effect, lane } = run(watching, input);
    expect(effect).toEqual({ kind: 'list', how: 'stream' });
    expect(lane).toMatchObject({ kind: 'disconnected' });
  });

  test('lists anew with a wait when it has just done so', () => {
    const { effect } = run(watching, errorEvent(410), loaded, errorEvent(410));
    expect(effect).toEqual({ kind: 'wait', failures: 2, atLeastMs: 0 });
  });

  test.each([429, 503])('waits as long as an error event of %i asks', (code) => {
    const { state, effect } = run(watching, errorEvent(code, 9_000));
    expect(effect).toEqual({ kind: 'wait', failures: 1, atLeastMs: 9_000 });
    expect(run(state, timer).effect).toEqual({ kind: 'watch', probe: false });
  });

  test.each<[string, Input]>([
    ['garbage', ended({ kind: 'garbage', reason: 'bad' })],
    ['an internal error', errorEvent(500)],
    ['HTTP 400', refused(400)],
  ])('lists anew when %s comes again and again at one revision', (_name, input) => {
    let state = watching;
    for (let k = 1; k < MAX_TROUBLES; k++) {
      const tried = run(state, input);
      expect(tried.state.phase).toMatchObject({ kind: 'waiting', next: 'watch' });
      state = run(tried.state, timer).state;
    }
    expect(run(state, input).state.phase).toMatchObject({ kind: 'waiting', next: 'list' });
  });

  test('does not list anew for garbage at different revisions', () => {
    let state = watching;
    for (let k = 0; k < 10; k++) {
      const tried = run(state, ended({ kind: 'garbage', reason: 'bad' }, 10, k));
      expect(tried.state.phase).toMatchObject({ kind: 'waiting', next: 'watch' });
      state = run(tried.state, timer).state;
    }
  });
});

describe('stopping', () => {
  test.each<[string, ReflectorState]>([
    ['idle', INITIAL_STATE],
    ['listing', run(INITIAL_STATE, start).state],
    ['waiting', run(INITIAL_STATE, start, refused(500)).state],
    ['watching', watching],
  ])('works while %s, and nothing happens afterwards', (_name, state) => {
    const { state: stopped, effect } = run(state, { kind: 'stop', reason: 'done' });
    expect(effect).toEqual({ kind: 'halt' });
    expect(stopped.phase).toEqual({ kind: 'stopped', reason: 'done' });
    for (const input of [start, loaded, timer, errorEvent(410)]) {
      expect(run(stopped, input)).toEqual({ state: stopped, effect: { kind: 'none' } });
    }
  });

  test('an input that cannot come is an error, not a guess', () => {
    expect(() => run(INITIAL_STATE, timer)).toThrow('timer is not expected while idle');
    expect(() => run(watching, loaded)).toThrow('loaded is not expected while watching');
  });
});
