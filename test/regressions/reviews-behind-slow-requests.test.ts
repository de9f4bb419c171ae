// Questions about callers shared their connections with what callers pass through: two identities that filled these
// with slow requests kept everybody else from being judged.

import { expect, test } from 'vitest';
import { Authorizer } from '../../src/auth/authorize.ts';
import { Upstream } from '../../src/upstream/upstream.ts';
import { asking, caller, ScriptedReviews } from '../auth/support.ts';
import { codeOf, get, useServers } from '../upstream/support/harness.ts';
import { plainCluster, until } from '../upstream/support/server.ts';

const { closing, servePlain } = useServers();

test('A caller is judged while every connection for requests is taken', async () => {
  const reviews = new ScriptedReviews();
  const { server } = await servePlain((request, response) => {
    if (request.url !== '/slow') void reviews.handle(request, response);
  });
  const upstream = Upstream.connect(plainCluster(server), { forwardedCalls: 2, maxQueued: 1 });
  closing(upstream);
  const slow = [1, 2, 3].map(() => codeOf(upstream.forward(get('/slow'))));
  await until(() => server.accepted() === 2);
  expect(await codeOf(upstream.forward(get('/slow')))).toBe('overloaded');
  const judge = new Authorizer({ forwarder: upstream });
  expect(await judge.authorize(caller(), asking())).toMatchObject({ kind: 'allow' });
  await upstream.close();
  expect(await Promise.all(slow)).toEqual(['closed', 'closed', 'closed']);
});
