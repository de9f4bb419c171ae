// What kube-apiserver writes down about each request: who asked, and for whom. Prepared before the server starts.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';

const patience = { timeout: 20_000, interval: 50 };

const policy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata' }],
};

export interface Audited {
  readonly user: string;
  readonly impersonated?: string;
  readonly verb: string;
  readonly resource: string;
  readonly code: number;
}

interface Line {
  readonly user: { readonly username: string };
  readonly impersonatedUser?: { readonly username: string };
  readonly verb: string;
  readonly objectRef?: { readonly resource?: string };
  readonly responseStatus?: { readonly code: number };
}

export class AuditLog {
  readonly #directory: string;

  static async prepare(): Promise<AuditLog> {
    const directory = await mkdtemp(join(tmpdir(), 'watershed-audit-'));
    await writeFile(join(directory, 'policy.json'), JSON.stringify(policy));
    return new AuditLog(directory);
  }

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** For kube-apiserver. */
  get flags(): readonly string[] {
    const path = (name: string): string => join(this.#directory, name);
    return [
      `--audit-policy-file=${path('policy.json')}`,
      `--audit-log-path=${path('audit.log')}`,
      '--audit-log-mode=blocking',
    ];
  }

  async lines(): Promise<Audited[]> {
    const text = await readFile(join(this.#directory, 'audit.log'), 'utf8');
    const complete = text.split('\n').slice(0, -1);
    return complete.map((line) => {
      const { user, impersonatedUser, verb, objectRef, responseStatus } = JSON.parse(line) as Line;
      return {
        user: user.username,
        impersonated: impersonatedUser?.username,
        verb,
        resource: objectRef?.resource ?? '',
        code: responseStatus?.code ?? 0,
      };
    });
  }

  /** Resolves when there is such a line. */
  async until(wanted: Audited): Promise<void> {
    const isThere = async (): Promise<boolean> =>
      (await this.lines()).some((line) => JSON.stringify(line) === JSON.stringify(wanted));
    await vi.waitUntil(isThere, patience);
  }

  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }
}
