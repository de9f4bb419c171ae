import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { program } from './commands.ts';

const root = join(import.meta.dirname, '../..');

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(words: readonly string[], nodeFlags: readonly string[] = []): Promise<Result> {
  return new Promise((resolve) => {
    execFile(process.execPath, [...nodeFlags, program, ...words], (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

describe('watershed', () => {
  test('prints its version', async () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const { code, stdout } = await run(['version']);
    expect(code).toBe(0);
    expect(stdout).toBe(`watershed ${version} (Node.js ${process.version})\n`);
  });

  test('prints help to standard output', async () => {
    const { code, stdout, stderr } = await run(['serve', '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('--secure-port number');
  });

  test('refuses wrong usage on standard error with code 2', async () => {
    expect(await run(['serve', '--secure-port=x'])).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'watershed: --secure-port: "x" is not accepted; write a whole number from 0 to 65535\n',
    });
  });

  test('says in one line what it needs on an older Node', async () => {
    const older =
      'data:text/javascript,' +
      'Object.defineProperty(process,"versions",{value:{node:"20.20.2"}});' +
      'Object.defineProperty(process,"version",{value:"v20.20.2"})';
    expect(await run(['version'], ['--import', older])).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'watershed: needs Node.js 22.19 or newer, this is v20.20.2; in a checkout run it with node_modules/.bin/node\n',
    });
  });

  test('says what is wrong with a kubeconfig that is not there', async () => {
    const { code, stderr } = await run(['serve', '--kubeconfig=no/such/file', '--secure-port=0']);
    expect(code).toBe(1);
    expect(stderr).toContain('no/such/file');
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
