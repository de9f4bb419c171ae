// Tells a person on stderr what a build is doing: a line that is rewritten on a terminal, a line
// every few seconds in a log. `go build -v` names each package when its compilation begins, so the
// count rises; how many there will be is not known, as packages in Go's own cache are not named.
// The clock runs on by itself: linking takes a while and names nothing.

const terminalIntervalMs = 500;
const logIntervalMs = 10_000;

export class BuildProgress {
  readonly #name: string;
  readonly #startedMs = Date.now();
  readonly #terminal = process.stderr.isTTY === true;
  readonly #timer: NodeJS.Timeout | undefined;
  #packages = 0;
  #text = 'starting';
  #shown = false;

  constructor(name: string, enabled: boolean) {
    this.#name = name;
    if (!enabled) return;
    this.#timer = setInterval(
      () => this.#show(this.#text),
      this.#terminal ? terminalIntervalMs : logIntervalMs,
    );
    this.#timer.unref();
  }

  /** Takes one line of the output of `go build -v`. */
  line(text: string): void {
    if (text.startsWith('go: downloading')) {
      this.#text = text.slice('go: '.length);
      return;
    }
    this.#packages += 1;
    this.#text = `${this.#packages} packages, now ${text}`;
  }

  waiting(holder: string): void {
    this.#text = `waiting for ${holder}, which is building it`;
  }

  end(): void {
    clearInterval(this.#timer);
    if (!this.#shown) return;
    this.#show(`done, ${this.#packages} packages`);
    if (this.#terminal) process.stderr.write('\n');
  }

  #show(text: string): void {
    this.#shown = true;
    const seconds = Math.round((Date.now() - this.#startedMs) / 1000);
    const line = `build ${this.#name}: ${seconds}s ${text}`;
    process.stderr.write(this.#terminal ? `\r\x1b[K${line.slice(0, 100)}` : `${line}\n`);
  }
}
