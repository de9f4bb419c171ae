// What is asked for. One spelling of a path is read by the proxy; every other one is upstream's to read, and so is
// every query that two parsers could read in two ways.
// kube-apiserver itself says 500 to `..` as the namespace of a custom resource.

import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { reach } from '../conformance/support/history.ts';
import { collection, object } from '../conformance/support/resources.ts';
import { authorization } from '../conformance/support/stack.ts';
import type { Protocol, Request, Stack } from '../conformance/support/stack.ts';
import type { User } from '../conformance/control-plane/users.ts';
import { askBoth } from './support/ask.ts';
import type { QuietCluster } from './support/quiet-cluster.ts';
import { exchangeRaw, head, statusOf } from './support/raw.ts';

const protocols: readonly Protocol[] = ['http/1.1', 'h2'];
const widgets = '/apis/demo.watershed.dev/v1';

/** Other ways to write what alice may read, and what she may not. */
const spellings: readonly string[] = [
  '/api/v1/namespaces/a/../ab/pods',
  '/api/v1/namespaces/ab/../a/pods',
  '/api/v1/namespaces/a/./pods',
  '/api/v1/namespaces/a/%2e%2e/ab/pods',
  '/api/v1/namespaces/a/%2E%2E/ab/pods',
  '/api/v1/namespaces/a%2f..%2fab/pods',
  '/api/v1/namespaces/a\\..\\ab/pods',
  '/api/v1/namespaces/a\\pods',
  '//api/v1/namespaces/a/pods',
  '/api//v1/namespaces/a/pods',
  '/api/v1/namespaces//a/pods',
  '/api/v1/namespaces//pods',
  '/api/v1/namespaces/a/pods/',
  '/api/v1/namespaces/a/pods//n',
  '/api/v1/namespaces/a/pods/n/',
  '/API/v1/namespaces/a/pods',
  '/api/V1/namespaces/a/pods',
  '/api/v1/Namespaces/a/pods',
  '/api/v1/namespaces/a/Pods',
  '/api/v1/namespaces/%61/pods',
  '/api/v1/namespaces/a/pod%73',
  '/api/v1/namespaces/a/pods;x=1',
  '/api/v1/namespaces/a;b/pods',
  '/api/v1/namespaces/a/pods%00',
  '/api/v1/namespaces/a/pods%0a',
  '/api/v1/namespaces/a/pods%20',
  '/api/v1/namespaces/a/pods%3Fwatch=1',
  '/api/v1/watch/namespaces/a/pods?timeoutSeconds=1',
  '/api/v1/proxy/namespaces/a/pods',
  '/apis//v1/namespaces/a/pods',
  '/apis/v1/namespaces/a/pods',
  '/../api/v1/namespaces/a/pods',
  '/%2e%2e/api/v1/namespaces/a/pods',
  '/.%2e/api/v1/pods',
];

/** Pieces that would lead out of their place if they became part of a key. */
const pieces: readonly string[] = [
  `${widgets}/namespaces/..%2fab/widgets`,
  `${widgets}/namespaces/a%2f..%2fab/widgets`,
  `${widgets}/namespaces/../widgets`,
  `${widgets}/namespaces/%2e%2e/widgets`,
  `${widgets}/namespaces/a/widgets/..`,
  `${widgets}/namespaces/a/widgets/%2e%2e`,
  `${widgets}/namespaces/a/widgets/.`,
  `${widgets}/namespaces/a/widgets/..%2f..%2fab%2fwidgets%2fn`,
  `${widgets}/gadgets/..`,
  `${widgets}/gadgets/%2e`,
  `${widgets}/gadgets/n%2fstatus`,
  '/api/v1/namespaces/a/pods/..',
  '/api/v1/namespaces/a/pods/%2e%2e',
  '/api/v1/namespaces/..%2fab/pods/n',
  '/api/v1/namespaces/a/pods/a%25b',
  '/api/v1/nodes/..',
  '/api/v1/namespaces/..',
];

const pods = collection('pods');
const podsOfA = collection('pods', 'a');
const queries: readonly string[] = [
  `${pods}?labelSelector=color=red;b`,
  `${pods}?labelSelector=a;b`,
  `${pods}?labelSelector=%zz`,
  `${pods}?labelSelector=color%3Dred&x=%zz`,
  `${pods}?fieldSelector=%zz&limit=1`,
  `${pods}?limit=1;labelSelector=color%3Dred`,
  `${pods}?watch=0&watch=1&timeoutSeconds=1`,
  `${pods}?watch=1&watch=0&timeoutSeconds=1`,
  `${pods}?labelSelector=color%3Dred&labelSelector=color%3Dblue`,
  `${pods}?fieldSelector=metadata.name%3Dn&fieldSelector=metadata.name%3Dn0`,
  `${pods}?fieldSelector=&fieldSelector=metadata.name%3Dn0`,
  `${pods}?resourceVersion=0&resourceVersion=1`,
  `${pods}?labelSelector=color%3Dred&LabelSelector=color%3Dblue`,
  `${pods}?=x&limit=1`,
  `${pods}??watch=1`,
  `${pods}?limit=1?continue=x`,
];

export function targetTests(cluster: () => QuietCluster): void {
  describe('Targets', () => {
    let stack: Stack;

    beforeAll(async () => {
      ({ stack } = cluster());
      for (const path of [pods, collection('widgets'), collection('gadgets')]) {
        await reach(stack, { path: `${path}?resourceVersion=0` });
      }
    });

    /** Upstream's answer over both protocols, and not from memory. */
    async function passed(request: Request): Promise<readonly number[]> {
      const codes = protocols.map(async (protocol) => {
        const { proxied, logged, found } = await askBoth(stack, { ...request, protocol });
        expect(found, `${protocol} ${request.path}\n${found.join('\n')}`).toEqual([]);
        expect(logged.source, request.path).toBe('passthrough');
        return proxied.status;
      });
      return Promise.all(codes);
    }

    describe.concurrent('spelled in other ways', () => {
      for (const path of spellings) {
        test(`#14 ${path}, by alice and by the administrator`, async () => {
          await passed({ path, user: 'alice' });
          await passed({ path, user: 'admin' });
        });
      }

      for (const path of pieces) {
        test(`#15 ${path} is refused as upstream refuses it, and is no key of memory`, async () => {
          for (const user of ['alice', 'admin'] as const) {
            const codes = await passed({ path, user });
            expect(codes.filter((code) => code < 300)).toEqual([]);
          }
        });
      }

      for (const path of queries) {
        test(`#17 ${path} is read by upstream alone`, async () => {
          await passed({ path });
          await passed({ path: path.replace(pods, podsOfA), user: 'alice' });
        });
      }
    });

    const target = (side: 'direct' | 'proxied') => ({
      port: Number(new URL(side === 'direct' ? stack.controlPlane.url : stack.watershed.url).port),
      ca: readFileSync(stack.controlPlane.caFile),
    });

    test('#17 a fragment is refused, whoever sends it', async () => {
      for (const path of [`${podsOfA}#x`, `${podsOfA}?limit=1#&watch=1`, `${pods}#/../a`]) {
        const lines = ['Host: localhost', `Authorization: Bearer alice-token`, 'Connection: close'];
        const text = await exchangeRaw(target('proxied'), head(`GET ${path} HTTP/1.1`, ...lines));
        expect(statusOf(text), path).toBe(400);
      }
    });

    test('#17 no origin is allowed anything, from memory or from upstream', async () => {
      const headers = {
        origin: 'https://evil.example',
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'authorization',
      };
      for (const path of [`${podsOfA}?resourceVersion=0`, podsOfA, '/version']) {
        for (const method of ['GET', 'OPTIONS']) {
          const { proxied, found } = await askBoth(stack, { path, method, headers });
          expect(found, found.join('\n')).toEqual([]);
          const names = proxied.rawHeaders.filter((_, at) => at % 2 === 0);
          expect(names.filter((name) => /^access-control-/i.test(name))).toEqual([]);
        }
      }
    });

    const claims = {
      'x-remote-user': 'admin',
      'x-remote-group': ['system:masters', 'system:authenticated'],
      'x-remote-uid': 'uid-admin',
      'x-remote-extra-scopes': 'all',
      'X-Remote-User-': 'admin',
    };
    const whom: readonly (User | null)[] = ['alice', 'nobody', null];

    for (const user of whom) {
      test(`#22 identity headers of a front proxy say nothing for ${user}`, async () => {
        const paths = [pods, podsOfA, `${pods}?resourceVersion=0`, '/api/v1/secrets'];
        for (const path of paths) {
          for (const protocol of protocols) {
            const plain = await stack.proxied({ path, user, protocol });
            const { proxied, found } = await askBoth(stack, {
              path,
              user,
              protocol,
              headers: claims,
            });
            expect(found, found.join('\n')).toEqual([]);
            expect(proxied.status).toBe(plain.status);
            expect(proxied.status).toBe(user === 'alice' && path === podsOfA ? 200 : 403);
          }
        }
        const whoami = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
        const body = JSON.stringify({
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'SelfSubjectReview',
        });
        const headers = { ...claims, 'content-type': 'application/json' };
        const answer = await stack.proxied({ path: whoami, method: 'POST', user, headers, body });
        expect(answer.text).not.toContain('"username":"admin"');
        expect(answer.text).not.toContain('system:masters');
      });
    }

    for (const method of ['POST', 'GET'] as const) {
      for (const user of ['alice', 'nobody'] as const) {
        test(`#24 ${method} of an upgrade that upstream forbids ${user} is answered in its words`, async () => {
          const path = `${object('pods', 'a', 'n')}/exec?command=sh&stdin=1`;
          const lines = [
            `${method} ${path} HTTP/1.1`,
            'Host: localhost',
            `Authorization: ${authorization({ user }).authorization}`,
            'Connection: Upgrade',
            method === 'POST' ? 'Upgrade: SPDY/3.1' : 'Upgrade: websocket',
            ...(method === 'POST' ? [] : ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAA']),
          ];
          // Bytes behind the head must get nowhere: a smuggled request would be answered.
          const behind = head('GET /version HTTP/1.1', 'Host: localhost', 'Connection: close');
          const isWhole = (text: string): boolean => /"code":\d+\}\n?$/.test(text);
          const direct = await exchangeRaw(target('direct'), head(...lines), isWhole);
          const proxied = await exchangeRaw(target('proxied'), head(...lines) + behind);
          expect(statusOf(direct)).toBe(403);
          expect(statusOf(proxied)).toBe(403);
          const bodyOf = (text: string): string => text.slice(text.indexOf('\r\n\r\n') + 4);
          expect(bodyOf(proxied)).toBe(bodyOf(direct));
        });
      }
    }

    const proxiedPaths: readonly string[] = [
      '/api/v1/namespaces/a/services/https:x:443/proxy/a%2Fb/?q=%2F',
      '/api/v1/namespaces/a/services/x:80/proxy/../../secrets',
      '/api/v1/namespaces/a/services/x/proxy',
      '/api/v1/namespaces/a/pods/n:8080/proxy/%2e%2e/x?a=b;c',
      '/api/v1/namespaces/a/pods/http:n:80/proxy//x',
      '/api/v1/nodes/node-1:10250/proxy/metrics',
      '/api/v1/nodes/https:node-1:10250/proxy/exec/a/n/main?command=sh',
      '/api/v1/nodes/node-1/proxy/..%2f..',
    ];

    test('#26 proxied nodes, services and pods are upstream’s to dial and to forbid', async () => {
      const answered = proxiedPaths.flatMap((path) =>
        (['admin', 'alice', 'nobody'] as const).map((user) => passed({ path, user })),
      );
      const codes = (await Promise.all(answered)).flat();
      expect(codes.every((code) => code >= 300)).toBe(true);
      expect(codes).toContain(403);
    });
  });
}
