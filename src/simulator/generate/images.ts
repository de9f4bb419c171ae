/**
 * Names of the software that the simulated cluster pretends to run.
 */
import { createHash } from 'node:crypto';

export const apps: readonly string[] = [
  'frontend',
  'cart',
  'checkout',
  'catalog',
  'search',
  'payments',
  'ledger',
  'sessions',
  'recommender',
  'shipping',
  'inventory',
  'notifier',
  'gateway',
  'accounts',
  'reports',
  'thumbnails',
];

export const appNamespaces: readonly string[] = ['shop', 'payments', 'search', 'platform', 'media'];

const REGISTRY = 'registry.example.com/sim';

export function appImage(app: string): string {
  return `${REGISTRY}/${app}:v1.${app.length}.${app.charCodeAt(0) % 10}`;
}

/** The image by its content, which for a made-up image is its name. */
export function imageDigest(image: string): string {
  let digest = digests.get(image);
  if (digest === undefined) {
    const hash = createHash('sha256').update(image).digest('hex');
    digest = `${image.split(':')[0]}@sha256:${hash}`;
    // Users may run any image; the generated ones are few.
    if (digests.size < MAX_DIGESTS) digests.set(image, digest);
  }
  return digest;
}

const MAX_DIGESTS = 1_000;
const digests = new Map<string, string>();

/** Some images a node could hold: the applications, then whatever came with the machine. */
export function imageNames(count: number): string[] {
  const names = apps.map(appImage);
  for (let at = names.length; at < count; at += 1) {
    names.push(`${REGISTRY}/system/component-${at}:v0.${at}.1`);
  }
  return names.slice(0, count);
}
