import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Secret } from '../../src/upstream/cluster-config.ts';
import type { ExecPlugin } from '../../src/upstream/cluster-config.ts';
import { Credentials } from '../../src/upstream/credentials.ts';

const directory = mkdtempSync(join(tmpdir(), 'watershed-credentials-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const limits = { refreshMs: 60_000, execTimeoutMs: 10_000 };

describe('token files', () => {
  test('are read again after a minute, and keep the last good token when they break', async () => {
    const tokenFile = join(directory, 'token');
    let nowMs = 0;
    writeFileSync(tokenFile, ' one \n');
    const credentials = new Credentials({ tokenFile }, { ...limits, now: () => nowMs });
    expect(await credentials.headers()).toEqual(['authorization', 'Bearer one']);
    writeFileSync(tokenFile, 'two');
    nowMs = 59_999;
    expect(await credentials.headers()).toEqual(['authorization', 'Bearer one']);
    nowMs = 60_000;
    expect(await credentials.headers()).toEqual(['authorization', 'Bearer two']);
    writeFileSync(tokenFile, '');
    nowMs = 120_000;
    expect(await credentials.headers()).toEqual(['authorization', 'Bearer two']);
    expect(credentials.failures).toBe(1);
    writeFileSync(tokenFile, 'three');
    nowMs = 121_001;
    expect(await credentials.headers()).toEqual(['authorization', 'Bearer three']);
  });

  test('win over an inline token, which is the fallback', async () => {
    const tokenFile = join(directory, 'later');
    const token = new Secret('inline');
    let nowMs = 0;
    const credentials = new Credentials({ tokenFile, token }, { ...limits, now: () => nowMs });
    expect(await credentials.headers()).toEqual(['authorization', 'Bearer inline']);
    writeFileSync(tokenFile, 'file');
    nowMs = 2_000;
    expect(await credentials.headers()).toEqual(['authorization', 'Bearer file']);
  });

  test('with more than one line are refused without showing them', async () => {
    const tokenFile = join(directory, 'lines');
    writeFileSync(tokenFile, 'hunter2\nhunter3');
    const credentials = new Credentials({ tokenFile }, limits);
    await expect(credentials.headers()).rejects.toThrow('does not hold one line');
    await expect(credentials.headers()).rejects.not.toThrow('hunter');
  });

  test('nothing configured means no header and nothing to renew', async () => {
    const credentials = new Credentials({}, limits);
    expect(await credentials.headers()).toEqual([]);
    expect(await credentials.renew([])).toBe(false);
  });
});

describe('exec plugins', () => {
  const apiVersion = 'client.authentication.k8s.io/v1';

  /** A plugin in JavaScript; `count` in the environment file numbers its runs. */
  function plugin(script: string): ExecPlugin {
    const path = join(directory, `plugin-${Math.random().toString(36).slice(2)}.cjs`);
    writeFileSync(path, script);
    return {
      apiVersion,
      command: process.execPath,
      args: [path],
      env: [{ name: 'COUNT_FILE', value: `${path}.count` }],
      provideClusterInfo: true,
      origin: 'config: users[name=a].user.exec',
    };
  }

  const numbered = `
    const fs = require('node:fs');
    const file = process.env.COUNT_FILE;
    const run = fs.existsSync(file) ? Number(fs.readFileSync(file)) + 1 : 1;
    fs.writeFileSync(file, String(run));
    const info = JSON.parse(process.env.KUBERNETES_EXEC_INFO);
    const status = {
      token: 'run' + run + '-' + info.spec.cluster.server,
      expirationTimestamp: new Date(run * 100_000).toISOString(),
    };
    console.log(JSON.stringify({ kind: 'ExecCredential', apiVersion: info.apiVersion, status }));
  `;

  test('run again when their credential expires and after a 401', async () => {
    let nowMs = 0;
    const options = { ...limits, clusterInfo: { server: 'https://h' }, now: () => nowMs };
    const credentials = new Credentials({ exec: plugin(numbered) }, options);
    expect(await credentials.headers()).toEqual(['authorization', 'Bearer run1-https://h']);
    nowMs = 99_999;
    expect(await credentials.headers()).toEqual(['authorization', 'Bearer run1-https://h']);
    nowMs = 100_000;
    expect(await credentials.headers()).toEqual(['authorization', 'Bearer run2-https://h']);
    expect(await credentials.renew(['authorization', 'Bearer run2-https://h'])).toBe(true);
    expect(await credentials.headers()).toEqual(['authorization', 'Bearer run3-https://h']);
    expect(await credentials.renew(['authorization', 'Bearer run3-https://h'])).toBe(false);
    expect(credentials.reads).toBe(3);
  });

  test('may give a client certificate instead of a token', async () => {
    const status = { clientCertificateData: 'CERT', clientKeyData: 'KEY' };
    const output = { kind: 'ExecCredential', apiVersion, status };
    const script = `console.log(${JSON.stringify(JSON.stringify(output))})`;
    const credentials = new Credentials({ exec: plugin(script) }, limits);
    expect(await credentials.headers()).toEqual([]);
    expect(await credentials.keyPair()).toMatchObject({ cert: 'CERT', key: 'KEY' });
  });

  const token = 'eyJhbGciOiJSUzI1NiIsImtpZCI6IjEyMzQ1Njc4OTAifQ';
  test.each([
    ['fails', `console.error('no session ${token}'); process.exit(3)`, 'no session [redacted]'],
    ['prints no JSON', `console.log('${token}')`, 'not JSON'],
    ['prints another kind', `console.log('{"kind":"Status"}')`, 'not an ExecCredential'],
    ['gives nothing', credential({}), 'neither status.token'],
    ['gives a token of two lines', credential({ token: 'a\nb' }), 'status.token'],
    ['gives a bad time', credential({ token, expirationTimestamp: 'soon' }), 'RFC 3339'],
    ['never ends', 'setInterval(() => {}, 1000)', 'the plugin failed'],
  ])('a plugin that %s is a coded error that names its field', async (_name, script, problem) => {
    const options = { ...limits, execTimeoutMs: script.startsWith('setInterval') ? 300 : 10_000 };
    const credentials = new Credentials({ exec: plugin(script) }, options);
    const error = (await credentials.headers().catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({ code: 'credentials' });
    expect(error.message).toContain('config: users[name=a].user.exec: ');
    expect(error.message).toContain(problem);
    expect(error.message).not.toContain(token);
  });

  test('a missing command is named', async () => {
    const exec = { ...plugin(''), command: 'no-such-plugin' };
    const credentials = new Credentials({ exec }, limits);
    await expect(credentials.headers()).rejects.toThrow('no-such-plugin not found; install it');
  });

  function credential(status: unknown): string {
    const output = JSON.stringify({ kind: 'ExecCredential', apiVersion, status });
    return `console.log(${JSON.stringify(output)})`;
  }
});
