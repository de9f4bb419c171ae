// What callers bring along and what may be seen of it from outside: credentials nowhere, names they make up never as
// a series of their own. Everything is said at the highest verbosity.

import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { isLongForm } from './support/form.ts';
import type { Instead } from './support/scripted-cluster.ts';
import { exchangeRaw, head } from './support/raw.ts';
import { readerToken, ScriptedCluster } from './support/scripted-cluster.ts';

const pods = '/api/v1/namespaces/a/pods';
const reviews = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
const pages = ['/metrics', '/status.json', '/flagz', '/', '/readyz?verbose', '/livez', '/none'];
const made = isLongForm ? 10_000 : 2_000;
const inFlight = 48;

/** Words that occur nowhere else, each for the way it went. */
class Canaries {
  readonly #words = new Map<string, string>();

  /** Two with the same name are the same. */
  word(name: string): string {
    const known = this.#words.get(name) ?? `canary-${randomBytes(9).toString('hex')}`;
    this.#words.set(name, known);
    return known;
  }

  /** Which of them a text shows, as they are or encoded. */
  foundIn(text: string): string[] {
    return [...this.#words]
      .filter(([, word]) => {
        const forms = ['base64', 'base64url', 'hex'] as const;
        // Encoded text shifts with what stands before it; the middle of it stays in one of three places.
        const encoded = forms.flatMap((form) =>
          [0, 1, 2].map((skip) => Buffer.from(word.slice(skip)).toString(form).slice(0, -4)),
        );
        return [word, ...encoded].some((each) => text.includes(each));
      })
      .map(([name]) => name);
  }
}

describe('Seen from outside', () => {
  let cluster: ScriptedCluster;
  const canaries = new Canaries();

  beforeAll(async () => {
    cluster = await ScriptedCluster.start({
      flags: ['-v=6'],
      settings: {
        auth: { allowTtl: '1s', denyTtl: '0s' },
        lanes: { startTimeout: '1s' },
        shutdown: { grace: '1s' },
      },
    });
  });

  afterEach(() => {
    cluster.instead = undefined;
    cluster.onUpgrade = undefined;
  });

  afterAll(async () => {
    await cluster?.stop();
  });

  function target(): { port: number; ca: Buffer } {
    return { port: cluster.watershed.port, ca: cluster.authority };
  }

  /** One request with every header that may hold a credential, in one state of upstream. */
  function credentialsOf(state: string): readonly Record<string, string | readonly string[]>[] {
    const word = (name: string): string => canaries.word(`${name}, ${state}`);
    const jwt = [{ alg: 'none' }, { sub: word('claim') }].map((part) =>
      Buffer.from(JSON.stringify(part)).toString('base64url'),
    );
    return [
      { authorization: `Bearer ${word('bearer')}` },
      { authorization: `bearer  ${word('two spaces')}` },
      { authorization: `Bearer ${jwt.join('.')}.${word('signature')}` },
      { authorization: `Basic ${Buffer.from(`user:${word('basic')}`).toString('base64')}` },
      { authorization: word('no scheme') },
      { authorization: 'Bearer root-token', cookie: `session=${word('cookie')}` },
      { authorization: 'Bearer root-token', 'x-remote-extra-key': word('x-remote') },
      {
        authorization: 'Bearer root-token',
        'impersonate-user': 'alice',
        'impersonate-extra-key': word('extra'),
      },
      { authorization: 'Bearer root-token', 'proxy-authorization': `Basic ${word('proxy')}` },
    ];
  }

  async function sendAll(state: string): Promise<void> {
    const query = canaries.word(`query, ${state}`);
    const paths = [
      `${pods}?resourceVersion=0`,
      `${pods}?watch=1&resourceVersion=0&timeoutSeconds=1`,
      `${pods}/n?access_token=${query}`,
      `${pods}?labelSelector=token%3D${query.slice(0, 40)}`,
      `${pods}/n/log?token=${query}`,
      `/odd/../path?token=${query}`,
    ];
    const credentials = credentialsOf(state);
    const over = async (protocol: 'h2' | 'http/1.1'): Promise<void> => {
      const client = await cluster.connect(protocol);
      // Over HTTP/1.1 each has a connection of its own, so a few of them are enough.
      const chosen = protocol === 'h2' ? credentials : credentials.slice(0, 2);
      const asked = chosen.flatMap((headers) => paths.map((path) => ({ path, headers })));
      const body = JSON.stringify({ spec: { token: canaries.word(`body, ${state}`) } });
      const headers = { authorization: 'Bearer root-token', 'content-type': 'application/json' };
      const path = '/apis/authentication.k8s.io/v1/tokenreviews';
      const posted = client.send({ method: 'POST', path, headers, body });
      await Promise.all([posted, ...asked.map((each) => client.send(each))]);
    };
    await Promise.all([over('h2'), over('http/1.1'), sendRaw(state)]);
  }

  /** Upgrades, and what is refused before it is a request. */
  async function sendRaw(state: string): Promise<void> {
    const word = (name: string): string => canaries.word(`${name}, ${state}`);
    const encoded = Buffer.from(word('websocket')).toString('base64url');
    const protocols = `v4.channel.k8s.io, base64url.bearer.authorization.k8s.io.${encoded}`;
    const websocket = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
    const bearer = `Authorization: Bearer ${word('raw bearer')}`;
    const line = `GET ${pods}/n/exec?command=sh&token=${word('raw query')} HTTP/1.1`;
    const sent = [
      head(line, 'Host: a', ...websocket, `Sec-WebSocket-Protocol: ${protocols}`),
      head(line, 'Host: a', ...websocket, bearer),
      head(line, 'Host: a', 'Host: b', bearer),
      head(line, 'Host: a', 'Connection: authorization', bearer),
      head(line, 'Host: a', `X-A: ${'b'.repeat(200_000)}`, bearer),
      head(`GET http://u:${word('authority')}@a/ HTTP/1.1`, 'Host: a'),
      head(`CONNECT ${word('connect')}:443 HTTP/1.1`, 'Host: a'),
      head(line, 'Host: a', `Impersonate_User: ${word('imitated')}`),
      head(line, 'Host: a', bearer, ` ${word('folded')}`),
      head(`${word('no method')} / HTTP/1.1`),
      `\u0016\u0003${word('not http')}\r\n\r\n`,
    ];
    await Promise.all(sent.map((bytes) => exchangeRaw(target(), bytes)));
  }

  /** Upstream that tells everybody what it was sent. */
  const echo: Instead = ({ url, headers, rawHeaders }, response) => {
    if (url !== reviews && headers.authorization === `Bearer ${readerToken}`) return false;
    const said = JSON.stringify({ kind: 'Status', message: rawHeaders.join(' ') });
    response.writeHead(500, {
      'content-type': 'application/json',
      'x-echo': headers.authorization ?? '',
    });
    response.end(said);
    return true;
  };
  /** Upstream that breaks off in the middle of an answer. */
  const breakOff: Instead = ({ url, headers }, response) => {
    if (url !== reviews && headers.authorization === `Bearer ${readerToken}`) return false;
    response.writeHead(200, { 'content-length': '1000', location: headers.authorization ?? '' });
    response.write(headers.authorization ?? 'nothing');
    setTimeout(() => response.destroy(), 5);
    return true;
  };

  test('#36 no credential is in the log, the metrics or any page, whatever goes wrong', async () => {
    await sendAll('in order');
    cluster.onUpgrade = (request, socket) => {
      socket.on('error', () => {});
      socket.end(`HTTP/1.1 101 Switching Protocols\r\nX: ${request.rawHeaders.join(' ')}\r\n\r\n`);
    };
    await sendRaw('upgraded');
    cluster.instead = echo;
    await sendAll('upstream fails');
    cluster.instead = breakOff;
    await sendAll('upstream breaks off');
    cluster.instead = undefined;
    await cluster.goAway();
    await sendAll('upstream is gone');
    await cluster.comeBack();

    const shown = await Promise.all(
      pages.map(async (page) => (await fetch(`${cluster.watershed.adminUrl}${page}`)).text()),
    );
    const first = readFileSync(cluster.watershed.logFile, 'utf8');
    expect(first).toContain('Served request');
    // What it says last, too.
    const { logFile } = cluster.watershed;
    await cluster.watershed.restart('SIGTERM');
    const texts = [...shown, readFileSync(logFile, 'utf8')];
    expect(texts.at(-1)).toContain('"msg":"Stopped"');
    for (const text of texts) {
      expect(canaries.foundIn(text)).toEqual([]);
      for (const known of [readerToken, 'root-token']) expect(text).not.toContain(known);
    }
  }, 120_000);

  async function series(): Promise<string[]> {
    // Those of the runtime are prom-client's: its kinds of handles and collections come and go.
    const text = await cluster.watershed.metrics();
    const lines = text.split('\n').filter((line) => line.startsWith('watershed_'));
    return lines
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.replace(/ \S+$/, ''));
  }

  /** The same kinds of requests each time, under names that nobody used before. */
  async function sendMadeUp(count: number): Promise<void> {
    const clients = await Promise.all([cluster.connect(), cluster.connect()]);
    let next = 0;
    const work = async (at: number): Promise<void> => {
      while (next < count) {
        const mark = `made-${(next += 1)}-${randomUUID().slice(0, 8)}`;
        const paths = [
          `/api/v1/namespaces/${mark}/pods/${mark}/log`,
          `/api/v1/namespaces/${mark}/configmaps?labelSelector=${mark}&resourceVersion=0`,
          `/apis/${mark}.example.com/v1/${mark}`,
          `/api/v1/${mark}/${mark}`,
          `/${mark}/../x`,
          `/apis/apps/${mark}/deployments?fieldSelector=metadata.name%3D${mark}`,
        ];
        const methods = ['GET', 'POST', 'DELETE'];
        await clients[at % clients.length].send({
          method: methods[next % methods.length],
          path: paths[next % paths.length],
          headers: {
            authorization: `Bearer ${mark}`,
            'user-agent': `${mark}/v${next}`,
            'impersonate-user': mark,
            'x-request-id': mark,
          },
        });
      }
    };
    await Promise.all(Array.from({ length: inFlight }, (_, at) => work(at)));
    for (const client of clients) client.close();
  }

  test('#38 thousands of callers, agents, namespaces and paths add no series', async () => {
    // Upstream has no opinion on any of them; its answers are not what is counted here.
    cluster.instead = ({ url = '', headers }, response) => {
      if (headers.authorization === `Bearer ${readerToken}`) return false;
      const code = url === reviews ? 401 : 404;
      response.writeHead(code, { 'content-type': 'application/json' }).end('{"kind":"Status"}');
      return true;
    };
    await sendMadeUp(200);
    const before = await series();
    await sendMadeUp(made);
    const after = await series();
    expect(after.toSorted()).toEqual(before.toSorted());
    expect(after.filter((line) => line.includes('made-'))).toEqual([]);
  }, 180_000);
});
