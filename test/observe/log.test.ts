import { describe, expect, test } from 'vitest';
import { createLog, requestLog } from '../../src/observe/log.ts';
import { redact } from '../../src/observe/redact.ts';

function logOf(format: 'json' | 'text', verbosity = 0) {
  const lines: string[] = [];
  const log = createLog({ verbosity, format, write: (line) => lines.push(line) });
  return { lines, ...log };
}

const JWT =
  'eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQifQ.c2lnbmF0dXJl';

describe('no credential reaches the log', () => {
  const secret = 'n0t-for-anyone';

  test.each([
    ['a named field', { authorization: `Bearer ${secret}` }],
    ['a nested field', { request: { headers: { Authorization: secret } } }],
    ['raw header pairs', { rawHeaders: ['Accept', '*/*', 'Authorization', `Bearer ${secret}`] }],
    ['raw pairs of basic authentication', { rawHeaders: ['authorization', `Basic ${secret}`] }],
    ['a cookie', { cookie: `session=${secret}` }],
    ['several cookies', { 'set-cookie': [`a=${secret}`, `b=${secret}`] }],
    ['a WebSocket protocol', { 'sec-websocket-protocol': `v4.channel.k8s.io, ${secret}` }],
    [
      'a token in a WebSocket protocol',
      { protocols: [`base64url.bearer.authorization.k8s.io.${secret}`] },
    ],
    ['a kubeconfig user', { user: { token: secret, password: secret } }],
    ['an exec credential', { status: { token: secret, 'client-key-data': secret } }],
    ['impersonation extras', { 'Impersonate-Extra-scopes': secret }],
    ['a front proxy header', { 'X-Remote-User': secret }],
    ['an escaped value', { token: `a"b${secret}` }],
    ['a string inside a string', { text: `curl -H "Authorization: Bearer ${secret}"` }],
    ['an error', { err: new Error(`401 for Bearer ${secret}`) }],
    [
      'a private key',
      { pem: `-----BEGIN EC PRIVATE KEY-----\n${secret}\n-----END EC PRIVATE KEY-----` },
    ],
  ])('in %s', (_name, fields) => {
    for (const format of ['json', 'text'] as const) {
      const { logger, lines } = logOf(format);
      logger.info(fields, 'Failed to do something');
      expect(lines).toHaveLength(1);
      expect(lines[0]).not.toContain(secret);
      expect(lines[0]).toContain('[redacted]');
    }
  });

  test('in a message', () => {
    const { logger, lines } = logOf('json');
    logger.info(`Got bearer ${secret} and ${JWT}`);
    expect(lines[0]).not.toContain(secret);
    expect(lines[0]).not.toContain('eyJ');
  });

  test('in any field that holds a JSON Web Token', () => {
    const { logger, lines } = logOf('json');
    logger.info({ something: JWT, list: [[`x${JWT}y`]] }, 'Done');
    expect(lines[0]).not.toContain('eyJ');
  });

  test('and lines stay JSON', () => {
    const { logger, lines } = logOf('json');
    logger.info({ rawHeaders: ['Authorization', `Bearer ${secret}`], token: ['a', 'b'] }, 'Done');
    expect(JSON.parse(lines[0])).toMatchObject({ msg: 'Done', level: 'info' });
  });

  test('and other text is left alone', () => {
    const line =
      '{"msg":"Listed pods","authorizationMode":"bearer","tokens":3,"resource":"v1/pods"}';
    expect(redact(line)).toBe(line);
  });
});

describe('log lines', () => {
  test('carry an ISO time, a level as a word and no process noise', () => {
    const { logger, lines } = logOf('json');
    logger.info({ resource: 'v1/pods' }, 'Started lane');
    const line = JSON.parse(lines[0]);
    expect(Object.keys(line)).toEqual(['level', 'time', 'resource', 'msg']);
    expect(line.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  test('can be read by people', () => {
    const { logger, lines } = logOf('text');
    logger.warn({ resource: 'v1/pods', reason: 'connection reset' }, 'Lost upstream');
    expect(lines[0]).toMatch(/Z WARN Lost upstream resource=v1\/pods reason="connection reset"\n$/);
  });

  test.each([
    [0, false, false],
    [3, false, false],
    [4, true, false],
    [6, true, true],
  ])('-v=%d decides how much is said', (verbosity, debug, trace) => {
    const { logger, lines } = logOf('json', verbosity);
    logger.info('Said');
    logger.debug('Said at 4');
    logger.trace('Said at 6');
    expect(lines.length).toBe(1 + Number(debug) + Number(trace));
  });
});

describe('request lines', () => {
  const line = {
    method: 'GET',
    target: '/api/v1/pods?labelSelector=secret%3Dvalue',
    verb: 'list',
    resource: 'v1/pods',
    namespace: '',
    user: '',
    code: 200,
    source: 'cache',
    reason: '',
    latencyMs: 1.23456,
    userAgent: `kubectl/v1.36 (linux) ${'x'.repeat(100)}`,
    auditId: 'a-b',
  } as const;

  test('are written at -v=2 and above only', () => {
    const { logger } = logOf('json', 1);
    expect(requestLog(logger, 1)).toBeUndefined();
    expect(requestLog(logger, 2)).toBeTypeOf('function');
  });

  test('hold the path without query values and a harmless user agent', () => {
    const { logger, lines } = logOf('json', 2);
    requestLog(logger, 2)?.(line);
    const written = JSON.parse(lines[0]);
    expect(written).toMatchObject({
      msg: 'Served request',
      path: '/api/v1/pods',
      resource: 'v1/pods',
      latencyMs: 1.235,
    });
    expect(lines[0]).not.toContain('labelSelector');
    expect(written.userAgent).toMatch(/^kubectl\/v1\.36__linux__x+$/);
    expect(written.userAgent.length).toBe(64);
    expect(written).not.toHaveProperty('reason');
  });
});
