// The truth proves itself complete: a store whose revisions or versions have a gap is refused.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { StoreWatch } from './store-watch.ts';
import { Truth } from './truth.ts';

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

interface Change {
  readonly key: string;
  readonly revision: number;
  /** 0: deleted. */
  readonly version: number;
}

/** Answers like etcd's gateway: the changes as one answer of a watch that stays open. */
async function watchOf(changes: readonly Change[]): Promise<{ truth: Truth; store: StoreWatch }> {
  const events = changes.map(({ key, revision, version }) => ({
    ...(version === 0 ? { type: 'DELETE' } : {}),
    kv: {
      key: Buffer.from(key).toString('base64'),
      mod_revision: String(revision),
      ...(version === 0 ? {} : { version: String(version) }),
      value: Buffer.from(
        JSON.stringify({ metadata: { name: 'n', namespace: 'a', uid: 'u' } }),
      ).toString('base64'),
    },
  }));
  const head = { header: { revision: String(changes.at(-1)?.revision) } };
  server = createServer((request, response) => {
    if (request.url === '/v3/kv/range') response.end(JSON.stringify(head));
    else response.write(`${JSON.stringify({ result: { events } })}\n`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const truth = new Truth();
  return { truth, store: new StoreWatch(`http://127.0.0.1:${port}`, truth) };
}

const widget = '/registry/demo.watershed.dev/widgets/a/n';

test('the history of the store becomes the truth', async () => {
  const { truth, store } = await watchOf([
    { key: widget, revision: 2, version: 1 },
    { key: '/registry/other/x', revision: 3, version: 1 },
    { key: widget, revision: 4, version: 2 },
    { key: widget, revision: 5, version: 0 },
    { key: widget, revision: 6, version: 1 },
  ]);
  expect(await store.catchUp()).toBe(6);
  store.stop();
  const history = truth.historyOf('widgets', 'a/n', 0);
  expect(history.map(({ revision, version }) => [revision, version?.revision])).toEqual([
    [2, 2],
    [4, 4],
    [5, undefined],
    [6, 6],
  ]);
});

test('a revision that is missing is noticed', async () => {
  const { store } = await watchOf([
    { key: widget, revision: 2, version: 1 },
    { key: widget, revision: 4, version: 2 },
  ]);
  await expect(store.catchUp()).rejects.toThrow('the truth is lost');
  store.stop();
});

test('a version that is missing is noticed', async () => {
  const { store } = await watchOf([
    { key: widget, revision: 2, version: 1 },
    { key: widget, revision: 3, version: 3 },
  ]);
  await expect(store.catchUp()).rejects.toThrow('the truth is lost');
  store.stop();
});
