// Checks that need more than one value. Each problem begins with the field to change and says what
// to write instead.

import type { Config } from './config.ts';
import { splitHostAndPort } from './host-and-port.ts';
import { formatDuration, formatQuantity } from './units.ts';

/** Every broken rule; empty when the configuration is sound. */
export function brokenRules(config: Config): readonly string[] {
  return [
    ...servingRules(config),
    ...accountRules(config),
    ...resourceRules(config),
    ...sizeRules(config),
  ];
}

function servingRules({ serving, admin }: Config): readonly string[] {
  const problems: string[] = [];
  if (serving.tlsCertFile !== '' && serving.tlsPrivateKeyFile === '') {
    problems.push(
      'serving.tlsPrivateKeyFile: missing; write the key that belongs to serving.tlsCertFile',
    );
  }
  if (serving.tlsPrivateKeyFile !== '' && serving.tlsCertFile === '') {
    problems.push(
      'serving.tlsCertFile: missing; write the certificate that belongs to serving.tlsPrivateKeyFile',
    );
  }
  const adminPort = splitHostAndPort(admin.bind)?.port ?? 0;
  if (adminPort !== 0 && adminPort === serving.securePort) {
    problems.push('admin.bind: same port as serving.securePort; write another one');
  }
  return problems;
}

/** Whether some callers are known by name: what they come with ends at the proxy. */
export function namesCallers({ auth, serving }: Config): boolean {
  return serving.clientCaFile !== '' || auth.tokenAudiences.length > 0;
}

/** They can be taken only where somebody may ask about them and speak for them. */
function accountRules(config: Config): readonly string[] {
  const { serving, upstream } = config;
  const accounts = {
    'upstream.reviewerKubeconfig': upstream.reviewerKubeconfig,
    'upstream.impersonatorKubeconfig': upstream.impersonatorKubeconfig,
  };
  const problems: string[] = [];
  for (const [field, value] of Object.entries(accounts)) {
    if (namesCallers(config) && value === '') {
      const needed = serving.clientCaFile === '' ? 'auth.tokenAudiences' : 'serving.clientCaFile';
      problems.push(`${field}: missing; write the kubeconfig that ${needed} needs`);
    } else if (!namesCallers(config) && value !== '') {
      problems.push(
        `${field}: of no use without serving.clientCaFile or auth.tokenAudiences; write both or none`,
      );
    }
  }
  return problems;
}

function resourceRules({ resources }: Config): readonly string[] {
  const problems: string[] = [];
  const denied = new Set(resources.deny);
  const allowed = new Set(resources.allow);
  if (resources.secrets && resources.secretNamespaces.length > 0) {
    problems.push(
      'resources.secretNamespaces: resources.secrets holds those of all namespaces; write one of them',
    );
  }
  for (const resource of resources.pinned) {
    if (denied.has(resource)) {
      problems.push(`resources.pinned: ${resource} is in resources.deny; remove it from one`);
    } else if (allowed.size > 0 && !allowed.has(resource)) {
      problems.push(`resources.pinned: ${resource} is not in resources.allow; add it there`);
    } else if (resource === 'v1/secrets' && !resources.secrets) {
      problems.push('resources.pinned: v1/secrets needs resources.secrets: true');
    } else if (resource === 'v1/events' || resource === 'events.k8s.io/v1/events') {
      problems.push(`resources.pinned: ${resource} is never served from memory; remove it`);
    }
  }
  return problems;
}

function sizeRules({ window, scanner, freshness, flush }: Config): readonly string[] {
  const problems: string[] = [];
  if (window.maxBytesPerLane > window.totalMaxBytes) {
    problems.push(
      `window.maxBytesPerLane: more than window.totalMaxBytes; write at most ${formatQuantity(window.totalMaxBytes)}`,
    );
  }
  if (scanner.maxFrameBytes > window.maxBytesPerLane) {
    problems.push(
      `scanner.maxFrameBytes: more than window.maxBytesPerLane; write at most ${formatQuantity(window.maxBytesPerLane)}`,
    );
  }
  if (freshness.waitForEventsMs > freshness.barrierTimeoutMs) {
    problems.push(
      `freshness.waitForEvents: longer than freshness.barrierTimeout; write at most ${formatDuration(freshness.barrierTimeoutMs)}`,
    );
  }
  if (flush.maxBytesPerWrite > window.maxBytesPerLane) {
    problems.push('flush.maxBytesPerWrite: more than window.maxBytesPerLane; write less');
  }
  return problems;
}
