import { afterEach, describe, expect, test } from 'vitest';
import { quiet, simulate } from './support.ts';

const api = await simulate(quiet);
const path = '/api/v1/namespaces/default/configmaps';
const { faults, store } = api.simulator;
const watchPath = `${path}?watch=1&resourceVersion=`;
const now = (): number => store.revisions.current;
const fault = (query: string) => api.send('POST', `/_faults?${query}`);

afterEach(() => {
  faults.slow(0);
  faults.fail(500, 0);
});

describe('faults', () => {
  test('cut breaks every watch without an end', async () => {
    const watch = await api.watch(watchPath + now());
    expect((await fault('cut')).json).toEqual({ cut: 1 });
    expect(await watch.ended()).toBe(false);
  });

  test('expire forgets the past, so a resume gets 410', async () => {
    const before = now();
    await api.configMap('default', 'news');
    await fault('expire');
    const watch = await api.watch(watchPath + before);
    expect((await watch.next()).object.reason).toBe('Expired');
    const list = await api.get(`${path}?resourceVersion=${before}&limit=1`);
    expect(list.status).toBe(410);
    const fresh = await api.watch(watchPath + now());
    await api.configMap('default', 'more-news');
    expect(await fresh.take(1)).toEqual(['ADDED more-news']);
    fresh.close();
  });

  test('stall holds events back and loses none', async () => {
    const watch = await api.watch(watchPath + now());
    await fault('stall=100');
    const stalledUntilMs = Date.now() + 50;
    await api.configMap('default', 's1');
    await api.configMap('default', 's2');
    expect(await watch.take(2)).toEqual(['ADDED s1', 'ADDED s2']);
    expect(Date.now()).toBeGreaterThan(stalledUntilMs);
    watch.close();
  });

  test('garbage is a line that is no JSON', async () => {
    const watch = await api.watch(watchPath + now());
    expect((await fault('garbage')).json).toEqual({ garbage: 1 });
    const line = (await watch.line()) ?? '';
    expect(() => JSON.parse(line) as unknown).toThrow(SyntaxError);
    watch.close();
  });

  test('fail refuses the next requests and then no more', async () => {
    await fault('fail=429,2');
    const first = await api.get(path);
    expect([first.status, first.headers['retry-after']]).toEqual([429, '1']);
    expect((await api.get(path)).status).toBe(429);
    expect((await api.get(path)).status).toBe(200);
    await fault('fail=500');
    expect((await api.get(path)).json.reason).toBe('InternalError');
  });

  test('slow delays answers until it is taken back', async () => {
    await fault('slow=60');
    const startMs = performance.now();
    expect((await api.get(path)).status).toBe(200);
    expect(performance.now() - startMs).toBeGreaterThan(50);
    expect((await fault('slow=0')).status).toBe(200);
  });

  test.each(['', 'unknown', 'stall=soon', 'stall=-1', 'fail=200'])(
    'POST /_faults?%s is a bad request',
    async (query) => {
      expect((await fault(query)).status).toBe(400);
    },
  );
});
