/**
 * Names of the software that the simulated cluster pretends to run.
 */

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

/** Some images a node could hold: the applications, then whatever came with the machine. */
export function imageNames(count: number): string[] {
  const names = apps.map(appImage);
  for (let at = names.length; at < count; at += 1) {
    names.push(`${REGISTRY}/system/component-${at}:v0.${at}.1`);
  }
  return names.slice(0, count);
}
