/** The accounts behind callers known by name: one that asks about them, one that speaks for them. */
import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { Impersonator } from './auth/impersonator.ts';
import { testImpersonator, testReviewer } from './auth/self-test.ts';
import type { Review } from './auth/self-test.ts';
import type { Config } from './config/config.ts';
import { namesCallers } from './config/rules.ts';
import type { Logger } from './observe/log.ts';
import type { ClusterConfig, PemSource } from './upstream/cluster-config.ts';
import { loadClusterConfig } from './upstream/kubeconfig.ts';
import { Upstream } from './upstream/upstream.ts';
import type { UpstreamOptions } from './upstream/upstream-options.ts';

export class Accounts {
  readonly reviewer: Upstream;
  readonly impersonator: Impersonator;
  readonly #impersonating: Upstream;
  readonly #logger: Logger;

  /**
   * Undefined where nobody is known by name. Rejects when a file of the accounts is open to others, when the
   * reviewer may not ask, and when the impersonator may do anything in its own name.
   */
  static async start(
    config: Config,
    logger: Logger,
    options: Partial<UpstreamOptions>,
  ): Promise<Accounts | undefined> {
    const { reviewerKubeconfig, impersonatorKubeconfig } = config.upstream;
    if (!namesCallers(config)) return undefined;
    const reviewer = await load('upstream.reviewerKubeconfig', reviewerKubeconfig);
    const impersonator = await load('upstream.impersonatorKubeconfig', impersonatorKubeconfig);
    const accounts = new Accounts(
      Upstream.connect(reviewer, options),
      Upstream.connect(impersonator, options),
      logger,
    );
    try {
      await accounts.#prove(reviewsOf(config));
    } catch (error) {
      await accounts.close();
      throw error;
    }
    return accounts;
  }

  private constructor(reviewer: Upstream, impersonating: Upstream, logger: Logger) {
    this.reviewer = reviewer;
    this.#impersonating = impersonating;
    this.#logger = logger;
    this.impersonator = new Impersonator(
      impersonating,
      () => testImpersonator(impersonating),
      (fault) => logger.error({ fault }, 'The impersonating account is not harmless'),
    );
  }

  async close(): Promise<void> {
    await Promise.all([this.reviewer.close(), this.#impersonating.close()]);
  }

  /** An upstream that is away now is asked again before the first request is sent. */
  async #prove(reviews: readonly Review[]): Promise<void> {
    const proofs = {
      'upstream.reviewerKubeconfig': await testReviewer(this.reviewer, reviews),
      'upstream.impersonatorKubeconfig': await this.impersonator.prove(),
    };
    for (const [field, proof] of Object.entries(proofs)) {
      if (proof.kind === 'unfit') {
        throw new Error(`${field}: the account cannot be used: ${proof.fault}`);
      }
      if (proof.kind === 'undecided') {
        this.#logger.warn({ field, reason: proof.reason }, 'An account could not be tested yet');
      }
    }
  }
}

function reviewsOf({ auth }: Config): readonly Review[] {
  const tokens = auth.tokenAudiences.length > 0;
  return tokens ? ['subjectaccessreviews', 'tokenreviews'] : ['subjectaccessreviews'];
}

async function load(field: string, kubeconfig: string): Promise<ClusterConfig> {
  const cluster = loadClusterConfig({ kubeconfig, environment: {}, homeDirectory: homedir() });
  const { token, tokenFile, clientKey } = cluster.reader;
  const secrets = [tokenFile, fileOf(clientKey)];
  if (token !== undefined || clientKey?.kind === 'data') secrets.push(kubeconfig);
  for (const file of secrets) await mustBePrivate(field, file);
  return cluster;
}

function fileOf(source: PemSource | undefined): string | undefined {
  return source?.kind === 'file' ? source.path : undefined;
}

/** The group may read: that is how a pod that is not root reads its volumes. */
export async function mustBePrivate(field: string, file: string | undefined): Promise<void> {
  if (file === undefined || file === '') return;
  const { mode } = await stat(file);
  if ((mode & 0o007) !== 0) {
    throw new Error(
      `${field}: ${file} is open to others (mode ${(mode & 0o777).toString(8)}); expected 0600 or 0640`,
    );
  }
}
