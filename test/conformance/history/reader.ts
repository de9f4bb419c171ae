// What all random clients have: connections to one proxy, the moment's knowledge, counts of refusals.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ResourceName } from '../support/resources.ts';
import { acceptOf } from './ask.ts';
import type { Ask, AskedVerb } from './ask.ts';
import type { Judging } from './judging.ts';
import type { Random } from './random.ts';
import type { Form, ListRecord, Page } from './records.ts';
import type { Answer, StreamClient } from './stream-client.ts';
import { answeredForm, isNarrowed, isSingle, pathOf } from './ask.ts';
import type { Tally } from './tally.ts';
import type { Target } from './target.ts';
import type { Truth } from './truth.ts';
import { decoderOf } from './wire.ts';
import type { Decoder } from './wire.ts';

const answerTimeoutMs = 75_000;
const refusedPauseMs = 200;

export interface ReaderParts {
  readonly target: Target;
  readonly client: StreamClient;
  readonly protocol: string;
  readonly random: Random;
  readonly truth: Truth;
  readonly tally: Tally;
  readonly judging: Judging;
  /** Resources nobody reads for a while, so that their lanes are let go. */
  readonly hushed: ReadonlySet<ResourceName>;
}

/** A whole answer. */
export interface Read {
  readonly status: number;
  readonly form: Form;
  readonly body: Buffer;
  readonly decoder: Decoder;
}

/** How a list is to be asked for. */
export interface ListForm {
  readonly revision: number | undefined;
  readonly match: 'Exact' | 'NotOlderThan' | undefined;
  readonly limit: number;
}

export interface Listed {
  readonly record: ListRecord;
  readonly complete: boolean;
}

/** One request with its whole answer; undefined when it got none. */
export async function read(
  parts: ReaderParts,
  ask: Ask,
  path: string,
  verb: AskedVerb,
): Promise<Read | undefined> {
  const { client, tally } = parts;
  const chunks: Buffer[] = [];
  let answer: Answer | undefined;
  const timer = setTimeout(() => {
    tally.add(`${verb} without an answer in ${answerTimeoutMs} ms`);
    answer?.cancel();
  }, answerTimeoutMs);
  try {
    answer = await client.open(path, { accept: acceptOf(ask.form, verb) });
    answer.start((chunk) => chunks.push(chunk));
    const end = await answer.ended;
    if (end !== 'clean') {
      tally.add(`${verb} broken off: ${end}`);
      return undefined;
    }
  } catch {
    tally.add(`${verb} without an answer`);
    await sleep(refusedPauseMs);
    return undefined;
  } finally {
    clearTimeout(timer);
  }
  const { status, contentType } = answer;
  if (status !== 200) await countRefusal(parts, verb, status);
  const form = answeredForm(ask.form, contentType);
  return { status, form, body: Buffer.concat(chunks), decoder: decoderOf(form, contentType) };
}

export async function countRefusal(
  { tally }: ReaderParts,
  verb: AskedVerb,
  status: number,
): Promise<void> {
  tally.add(`${verb} answered ${status}`);
  if (status >= 429) await sleep(refusedPauseMs);
}

/** Runs until it is aborted; an answer that cannot be read is a violation. */
export async function repeat(
  { judging, target }: ReaderParts,
  signal: AbortSignal,
  turn: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await turn();
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      judging.found('content', `${target.name}: ${text}`);
    }
  }
}

const maxPages = 50;

/** A list with all its pages, judged as far as it got; undefined when its first page did not come. */
export async function list(
  parts: ReaderParts,
  ask: Ask,
  form: ListForm,
): Promise<Listed | undefined> {
  const { target, judging, truth } = parts;
  const { revision, match } = form;
  const limit = isNarrowed(ask) ? 0 : form.limit;
  const query = {
    resourceVersion: revision,
    resourceVersionMatch: match,
    limit: limit === 0 ? undefined : limit,
  };
  const first = pathOf(ask, query);
  // Row 4 of the table of lists: a limit makes a revision exact, unless a match says otherwise or one
  // key is read (ValidateListOptions asks for `Recursive`).
  const isLegacy = match === undefined && limit > 0 && (revision ?? 0) > 0;
  const isExact = match === 'Exact' || (isLegacy && !isSingle(ask));
  const pages: Page[] = [];
  const beganMs = performance.now();
  let known = truth.head;
  let atLeast = isExact ? 0 : (revision ?? known);
  let path = first;
  let fresh = false;
  let answeredAs = ask.form;
  let complete = false;
  while (pages.length < maxPages) {
    const answer = await read(parts, ask, path, 'list');
    if (answer === undefined) break;
    let token = '';
    if (answer.status === 200) {
      // A refusal may come in another form than the pages before it.
      answeredAs = answer.form;
      const seen = answer.decoder.list(answer.body);
      const { items, remaining } = seen;
      token = seen.token;
      pages.push({ revision: seen.revision, items, more: token !== '', remaining, fresh, atLeast });
      fresh = false;
    } else if (answer.status === 410 && pages.length > 0 && !fresh) {
      // The rest of the list in its newest state.
      token = answer.decoder.status(answer.body).token;
      fresh = true;
      known = truth.head;
    } else break;
    complete = token === '' && answer.status === 200;
    if (token === '') break;
    atLeast = fresh ? known : 0;
    path = pathOf(ask, { ...query, resourceVersion: undefined, continue: token });
  }
  if (pages.length === 0) return undefined;
  const record: ListRecord = {
    kind: 'list',
    label: `GET ${first} (${answeredAs}, ${parts.protocol})`,
    ...ask,
    form: answeredAs,
    beganMs,
    endedMs: performance.now(),
    exact: isExact ? (revision ?? 0) : 0,
    limit: revision === 0 ? 0 : limit,
    pages,
  };
  judging.submit(record, target);
  return { record, complete };
}
