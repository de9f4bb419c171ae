// Ends on purpose: the first SIGTERM or SIGINT asks for a graceful end, a second one is obeyed at once.

import { constants } from 'node:os';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** Shells report a process ended by a signal as 128 + its number. */
const SIGNAL_EXIT_BASE = 128;

/** Resolves with the first signal; from then on another one exits the process. */
export function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    for (const name of SIGNALS) {
      process.on(name, (signal) => {
        if (asked) process.exit(SIGNAL_EXIT_BASE + constants.signals[signal]);
        asked = true;
        resolve(signal);
      });
    }
  });
}
