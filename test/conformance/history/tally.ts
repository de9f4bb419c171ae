// Counts by name, for the table at the end.

export class Tally {
  readonly #counts = new Map<string, number>();

  add(name: string, count = 1): void {
    this.#counts.set(name, this.of(name) + count);
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** Sum over all names that begin so. */
  sum(prefix: string): number {
    let sum = 0;
    for (const [name, count] of this.#counts) if (name.startsWith(prefix)) sum += count;
    return sum;
  }

  /** Lines of a table, sorted by name. */
  lines(): string[] {
    const entries = [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1));
    const width = Math.max(0, ...entries.map(([name]) => name.length));
    return entries.map(([name, count]) => `${name.padEnd(width)}  ${count}`);
  }
}
