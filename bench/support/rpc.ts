/**
 * Questions and answers over a child process's channel: the benches' processes are told what to do with this. One answer
 * per question, errors travel as text.
 */
import type { ChildProcess } from 'node:child_process';

interface Question {
  readonly bench: 'question';
  readonly id: number;
  readonly method: string;
  readonly argument: unknown;
}

interface Answer {
  readonly bench: 'answer';
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

type Handlers = Readonly<Record<string, (argument: never) => unknown>>;

/** In the child: answers until the parent is gone, and ends then. */
export function answerQuestions(handlers: Handlers): void {
  process.once('disconnect', () => process.exit());
  process.on('message', (message: Question) => {
    if (message?.bench !== 'question') return;
    const { id, method, argument } = message;
    const send = (answer: Omit<Answer, 'bench' | 'id'>): void => {
      if (process.connected) process.send?.({ bench: 'answer', id, ...answer });
    };
    Promise.resolve()
      .then(() => handlers[method](argument as never))
      .then(
        (result) => send({ result }),
        (error: unknown) => send({ error: error instanceof Error ? error.stack : String(error) }),
      );
  });
}

/** In the parent: asks one child. */
export class Questions {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #next = 1;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (message: Answer) => {
      if (message?.bench !== 'answer') return;
      const wake = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      wake?.(message);
    });
    child.once('exit', (code, signal) => {
      const error = `the process ended (${signal ?? code})`;
      for (const [id, wake] of this.#waiting) wake({ bench: 'answer', id, error });
      this.#waiting.clear();
    });
  }

  ask<Result>(method: string, argument?: unknown): Promise<Result> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result as Result);
        else reject(new Error(`${method}: ${error}`));
      });
      const question: Question = { bench: 'question', id, method, argument };
      this.#child.send(question, (error) => {
        if (error === null) return;
        this.#waiting.delete(id);
        reject(error);
      });
    });
  }
}
