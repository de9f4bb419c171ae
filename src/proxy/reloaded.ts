/**
 * Reloaded: a value made of files that change under a running process.
 *
 * The files are read again on an interval (a Kubernetes Secret volume swaps a symlink, which file watchers
 * miss). A changed value that can be used is taken over and told; one that cannot is reported, and the old
 * one stays.
 */

export interface ReloadOptions {
  /** How often the files are read again. */
  readonly intervalMs?: number;
  /** A changed value could not be used: for the log. The old one stays in use. */
  readonly onProblem?: (error: Error) => void;
}

export interface Source<T> {
  /** Reads the files; rejects when what they hold cannot be used. */
  read(): Promise<T>;
  equal(one: T, other: T): boolean;
  readonly intervalMs: number;
}

export class Reloaded<T> {
  /** Changed values taken over, and refused. */
  reloads = 0;
  failedReloads = 0;
  readonly #source: Source<T>;
  readonly #onProblem: (error: Error) => void;
  readonly #timer: NodeJS.Timeout;
  #value: T;
  #onChange: (() => void)[] = [];

  /** Rejects when the files cannot be used now. */
  static async load<T>(source: Source<T>, options: ReloadOptions = {}): Promise<Reloaded<T>> {
    return new Reloaded(source, await source.read(), options);
  }

  private constructor(source: Source<T>, value: T, options: ReloadOptions) {
    this.#source = source;
    this.#value = value;
    this.#onProblem = options.onProblem ?? (() => {});
    const intervalMs = options.intervalMs ?? source.intervalMs;
    this.#timer = setInterval(() => void this.reload(), intervalMs).unref();
  }

  get value(): T {
    return this.#value;
  }

  onChange(callback: () => void): void {
    this.#onChange.push(callback);
  }

  /** Reads the files now; true when a changed value was taken over. */
  async reload(): Promise<boolean> {
    let value: T;
    try {
      value = await this.#source.read();
    } catch (error) {
      this.failedReloads++;
      this.#onProblem(error as Error);
      return false;
    }
    if (this.#source.equal(value, this.#value)) return false;
    this.#value = value;
    this.reloads++;
    for (const callback of this.#onChange) callback();
    return true;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#onChange = [];
  }
}
