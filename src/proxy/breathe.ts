/** Gives the event loop a turn: timers, sockets and other requests go first. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
