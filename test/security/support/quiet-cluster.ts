// A cluster in which nothing happens by itself, with an audit log, and a Watershed that serves everything it can,
// Secrets included.

import { quietFlags, startStack } from '../../conformance/support/stack.ts';
import type { Stack } from '../../conformance/support/stack.ts';
import { AuditLog } from './audit-log.ts';

export interface QuietCluster {
  readonly stack: Stack;
  readonly audit: AuditLog;
  stop(): Promise<void>;
}

export async function startQuietCluster(): Promise<QuietCluster> {
  const audit = await AuditLog.prepare();
  try {
    const stack = await startStack({
      controlPlane: { apiserverFlags: [...quietFlags, ...audit.flags] },
      proxy: {
        settings: {
          resources: { secrets: true },
          features: { managedFieldsOptOut: true },
        },
      },
    });
    const stop = async (): Promise<void> => {
      await stack.stop();
      await audit.remove();
    };
    return { stack, audit, stop };
  } catch (error) {
    await audit.remove();
    throw error;
  }
}
