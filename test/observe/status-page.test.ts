import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { STATUS_PAGE } from '../../src/observe/status-page.ts';
import { STATUS_PAGE_SCRIPT } from '../../src/observe/status-page-script.ts';
import type { ProxyStatus } from '../../src/observe/status.ts';
import { laneStatus, proxyStatus } from './support.ts';

/** As much of a DOM node as the page's script uses; text is read back with `text()`. */
class FakeNode {
  children: FakeNode[] = [];
  textContent = '';
  className = '';
  hidden = false;
  colSpan = 1;
  readonly style: Record<string, string> = {};
  readonly attributes = new Map<string, string>();

  append(...nodes: readonly (FakeNode | string)[]): void {
    for (const node of nodes) this.children.push(typeof node === 'string' ? textNode(node) : node);
  }

  replaceChildren(...nodes: readonly FakeNode[]): void {
    this.children = [...nodes];
  }

  setAttribute(name: string, value: string): void {
    this.attributes.set(name, value);
  }

  text(): string {
    return [this.textContent, ...this.children.map((child) => child.text())].join(' ');
  }
}

function textNode(text: string): FakeNode {
  const node = new FakeNode();
  node.textContent = text;
  return node;
}

/** Runs the page's script on a sequence of answers; the page's text after the last. */
async function drawn(...answers: readonly (ProxyStatus | Error)[]) {
  const nodes = new Map<string, FakeNode>();
  for (const [, id] of STATUS_PAGE.matchAll(/ id="([a-z]+)"/g)) {
    const node = new FakeNode();
    // Tables begin with a head and a body.
    node.append(new FakeNode(), new FakeNode());
    nodes.set(id, node);
  }
  const scheduled: (() => Promise<void>)[] = [];
  let atMs = 0;
  const waiting = [...answers];
  runInNewContext(STATUS_PAGE_SCRIPT, {
    document: {
      getElementById: (id: string) => nodes.get(id),
      createElement: () => new FakeNode(),
      createElementNS: () => new FakeNode(),
    },
    performance: { now: () => (atMs += 2_000) },
    fetch: () => {
      const answer = waiting.shift();
      if (answer instanceof Error) return Promise.reject(answer);
      return Promise.resolve({ json: () => Promise.resolve(answer) });
    },
    setTimeout: (callback: () => Promise<void>) => {
      scheduled.push(callback);
    },
    Date,
  });
  for (;;) {
    while (scheduled.length === 0) await new Promise((resolve) => setImmediate(resolve));
    if (waiting.length === 0) break;
    void scheduled.shift()?.();
  }
  const text = (id: string) => nodes.get(id)?.text() ?? '';
  return { text, node: (id: string) => nodes.get(id) as FakeNode };
}

describe('the status page', () => {
  test('shows lanes, requests and totals', async () => {
    const page = await drawn(proxyStatus());
    expect(page.text('phase')).toContain('serving');
    expect(page.text('upstream')).toContain('connected to https://127.0.0.1:6443');
    expect(page.text('lanes')).toContain('leases.coordination.k8s.io');
    expect(page.text('lanes')).toContain('9100');
    expect(page.text('legend')).toContain('12 from memory (100.0 %)');
    expect(page.text('requests')).toContain('list');
    expect(page.text('reasons')).toContain('write');
    expect(page.text('tiles')).toContain('36 open watches');
    expect(page.node('problem').hidden).toBe(true);
  });

  test('shows rates from the second answer on', async () => {
    const later = proxyStatus({
      requests: {
        rows: [{ ...proxyStatus().requests.rows[0], count: 112 }],
        passThroughReasons: [],
      },
    });
    const page = await drawn(proxyStatus(), later);
    expect(page.text('tiles')).toMatch(/Requests per second\s+50\s+112 in all/);
  });

  test('says so when the apiserver or the proxy itself is gone', async () => {
    const upstream = { ...proxyStatus().upstream, connected: false, lastError: 'reset by peer' };
    const lost = await drawn(proxyStatus({ upstream }));
    expect(lost.text('upstream')).toContain('not connected');
    expect(lost.text('problem')).toContain('reset by peer');
    expect(lost.node('problem').hidden).toBe(false);
    expect((await drawn(new Error('refused'))).text('phase')).toContain('no answer');
  });

  test('explains its empty tables', async () => {
    const page = await drawn(
      proxyStatus({ lanes: [], requests: { rows: [], passThroughReasons: [] } }),
    );
    expect(page.text('lanes')).toContain('No resource is followed yet');
    expect(page.text('requests')).toContain('No request yet');
  });

  test('names why a lane is not live', async () => {
    const lanes = [laneStatus({ state: 'disconnected', reason: 'upstream closed' })];
    expect((await drawn(proxyStatus({ lanes }))).text('lanes')).toContain(
      'disconnected: upstream closed',
    );
  });
});
