/** The bundle of client authorities: what is taken over, and what is refused. */

import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ClientAuthority } from '../../src/proxy/client-authority.ts';
import { TestAuthority } from '../support/certificates.ts';

let one: TestAuthority;
let other: TestAuthority;
let file: string;

beforeAll(async () => {
  [one, other] = await Promise.all([TestAuthority.create(), TestAuthority.create()]);
  file = join(one.directory, 'bundle.crt');
});

afterAll(() => Promise.all([one.remove(), other.remove()]));

test('a changed bundle is taken over and told once', async () => {
  await copyFile(one.caFile, file);
  const authority = await ClientAuthority.load(file);
  let told = 0;
  authority.onChange(() => told++);
  expect(await authority.reload()).toBe(false);
  await copyFile(other.caFile, file);
  expect(await authority.reload()).toBe(true);
  expect(authority.bundle).toEqual(other.ca);
  expect(told).toBe(1);
  authority.close();
});

test.each([
  ['', /holds no PEM certificate/],
  ['no certificate', /holds no PEM certificate/],
  [
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    /holds something that is no certificate/,
  ],
])('a file with %j is refused, and the old bundle stays', async (text, problem) => {
  await copyFile(one.caFile, file);
  const problems: string[] = [];
  const onProblem = ({ message }: Error): void => void problems.push(message);
  const authority = await ClientAuthority.load(file, { onProblem });
  await writeFile(file, text);
  expect(await authority.reload()).toBe(false);
  expect(problems).toEqual([expect.stringMatching(problem)]);
  expect(authority.bundle).toEqual(one.ca);
  authority.close();
  await expect(ClientAuthority.load(file)).rejects.toThrow(problem);
});

test('a file that is not there is named', async () => {
  await expect(ClientAuthority.load(join(one.directory, 'none'))).rejects.toThrow(
    /cannot read the client CA file .*none/,
  );
});
