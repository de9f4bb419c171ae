// The cases of a run, in order: who asks what, with which tricks. A seed makes the same cases. The
// requests are those of the differential run's grammar, or aimed at what the state of the moment grants
// to who asks; then up to three tricks are played on them. Nothing that could change the cluster is
// made: writes are dry runs of those who may not write, without any other credential near them.

import { Dice } from '../../conformance/differential/dice.ts';
import { Grammar } from '../../conformance/differential/grammar.ts';
import type { Past } from '../../conformance/differential/past.ts';
import { collectionPath, subjects } from '../../conformance/differential/subjects.ts';
import { formOf } from '../../conformance/differential/grammar-forms.ts';
import type { Sent } from './answer.ts';
import { targetOf } from './draft.ts';
import type { Draft } from './draft.ts';
import type { Identity } from './identities.ts';
import { namespaces } from './rbac-states.ts';
import type { Grant, RbacState } from './rbac-states.ts';
import { headerTricks } from './tricks-headers.ts';
import { refusedTricks } from './tricks-refused.ts';
import { pathTricks, queryTricks } from './tricks-target.ts';
import type { Trick } from './tricks-target.ts';

export interface FuzzCase {
  /** Its place in the run, for a replay. */
  readonly number: number;
  readonly identity: Identity;
  readonly state: RbacState;
  readonly sent: Sent;
  readonly tricks: readonly string[];
}

/** What HTTP/2 has no place for. */
const hopHeaders = new Set(['connection', 'upgrade', 'keep-alive', 'transfer-encoding']);
/** Refused by the proxy and perhaps not by upstream: together well under a thousandth of all cases. */
const refusedShare = 0.0005;
const writeShare = 0.05;

export class CaseSource {
  readonly #dice: Dice;
  readonly #grammar: Grammar;
  readonly #identities: readonly (readonly [weight: number, identity: Identity])[];
  #made = 0;

  constructor(seed: number, past: Past, identities: readonly Identity[]) {
    this.#dice = new Dice(seed);
    this.#grammar = new Grammar(seed, past);
    this.#identities = identities.map((identity) => [identity.weight, identity] as const);
  }

  next(state: RbacState): FuzzCase {
    const dice = this.#dice;
    const identity = dice.weighted(this.#identities);
    const draft = this.#draft(identity, state);
    const isWrite =
      !identity.mayWrite && identity.name !== 'impersonator' && dice.chance(writeShare);
    const tricks = this.#tricks(identity, isWrite);
    for (const trick of tricks) trick.apply(draft, dice);
    if (isWrite) makeWrite(draft, dice);
    const number = this.#made++;
    const { method, headers, body, protocol } = draft;
    const target = targetOf(draft).replaceAll(/timeoutSeconds=[2-4](?=&|$)/g, 'timeoutSeconds=1');
    const kept = protocol === 'h2' ? withoutHop(headers) : headers;
    const { certificate, isStranger: byStranger } = identity;
    return {
      number,
      identity,
      state,
      sent: { method, target, headers: kept, body, protocol, certificate, byStranger },
      tricks: tricks.map(({ name }) => name),
    };
  }

  #draft(identity: Identity, state: RbacState): Draft {
    const dice = this.#dice;
    const request = this.#request(identity, state);
    const [path, ...query] = request.path.split('?');
    const headers = Object.entries(request.headers ?? {}).flatMap(([name, value]) =>
      [value].flat().flatMap((each) => [name, each.trim()]),
    );
    const { token } = identity;
    return {
      method: request.method ?? 'GET',
      path,
      query: query.length === 0 ? undefined : query.join('?'),
      headers: token === undefined ? headers : ['Authorization', `Bearer ${token}`, ...headers],
      body: undefined,
      protocol: dice.chance(0.5) ? 'h2' : 'http/1.1',
    };
  }

  #request(identity: Identity, state: RbacState): Aimed {
    const dice = this.#dice;
    const isAimed = dice.chance(0.6);
    if (isAimed && identity.name === 'node certificate') return { path: dice.pick(nodeTargets) };
    const grants = state.grants.filter(({ subject }) => subject === identity.subject);
    const any = !isAimed || grants.length === 0;
    return any ? this.#grammar.next().request : aimed(dice, dice.pick(grants));
  }

  #tricks(identity: Identity, isWrite: boolean): Trick[] {
    const dice = this.#dice;
    const count = dice.weighted([
      [25, 0],
      [50, 1],
      [19, 2],
      [6, 3],
    ] as const);
    // Over a certificate some of it is refused by the proxy itself.
    const isSpared = identity.certificate !== undefined && !dice.chance(0.2);
    const choices = isWrite ? onTargets : isSpared ? withoutImpersonation : all;
    const tricks = Array.from({ length: count }, () => dice.weighted(choices));
    const impersonates = identity.name === 'impersonator' && dice.chance(0.9);
    if (impersonates) tricks.push(impersonation);
    if (!isWrite && dice.chance(refusedShare)) tricks.push(dice.weighted(weighted(refusedTricks)));
    return tricks;
  }
}

type Weighted = readonly (readonly [weight: number, trick: Trick])[];

function weighted(tricks: readonly Trick[], times = 1): Weighted {
  const sum = tricks.reduce((total, { weight }) => total + weight, 0);
  return tricks.map((trick) => [(times * trick.weight) / sum, trick] as const);
}

const onTargets = [...weighted(pathTricks, 4), ...weighted(queryTricks, 3)];
const all: Weighted = [...onTargets, ...weighted(headerTricks, 4)];
const impersonation = headerTricks.filter(({ name }) => name === 'impersonation')[0];
const withoutImpersonation = all.filter(([, trick]) => trick !== impersonation);

interface Aimed {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

/** What a kubelet asks for, about itself and about somebody else. */
const nodeTargets = [
  '/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1',
  '/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1&watch=1&timeoutSeconds=1&resourceVersion=0',
  '/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-2',
  '/api/v1/pods?fieldSelector=spec.nodeName%21%3Dnode-1',
  '/api/v1/namespaces/a/pods/n',
  '/api/v1/namespaces/a/pods/n-b',
  '/api/v1/nodes/node-1',
  '/api/v1/nodes/node-2',
  '/api/v1/nodes?fieldSelector=metadata.name%3Dnode-1',
  '/api/v1/nodes?fieldSelector=metadata.name%3Dnode-1&watch=true&timeoutSeconds=1',
  '/api/v1/namespaces/a/configmaps?fieldSelector=metadata.name%3Dn',
  '/api/v1/namespaces/a/secrets/n',
  '/api/v1/services?resourceVersion=0',
  '/apis/node.k8s.io/v1/runtimeclasses',
  '/apis/storage.k8s.io/v1/csidrivers?watch=1&timeoutSeconds=1',
  '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-1',
];

/** What a grant allows, or something close to it. */
function aimed(dice: Dice, grant: Grant): Aimed {
  const rule = grant.rules[0];
  const plural = dice.pick(rule.resources).split('/')[0];
  const candidates = subjects.filter((subject) => subject.plural === plural);
  const subject = candidates.length > 0 && dice.chance(0.9) ? candidates[0] : dice.pick(subjects);
  const granted = grant.namespace === '' ? dice.pick(['', ...namespaces]) : grant.namespace;
  const namespace = dice.chance(0.85) ? granted : dice.pick(['', ...namespaces]);
  const verb = dice.chance(0.85) ? dice.pick(rule.verbs) : dice.pick(['get', 'list', 'watch']);
  const name = dice.pick(rule.resourceNames ?? ['n', 'n-b', 'n.b', 'n0', 'node-1', 'a']);
  const collection = collectionPath(subject, subject.namespaced ? namespace : '');
  const kind = verb === 'watch' || verb === 'list' ? verb : 'get';
  const { headers } = formOf(dice, kind, 'usual');
  if (kind === 'get') {
    // A Role in a namespace may be about the namespace itself.
    const own = subject.plural === 'namespaces' && namespace !== '' ? namespace : name;
    return { path: `${collection}/${own}`, headers };
  }
  const pairs = kind === 'watch' ? ['watch=1', 'timeoutSeconds=1'] : [];
  if (rule.resourceNames !== undefined ? dice.chance(0.8) : dice.chance(0.2)) {
    pairs.push(`fieldSelector=metadata.name%3D${name}`);
  }
  if (dice.chance(0.4)) pairs.push('resourceVersion=0');
  const query = dice.shuffle(pairs).join('&');
  return { path: query === '' ? collection : `${collection}?${query}`, headers };
}

const writes = ['POST', 'PUT', 'PATCH', 'DELETE'] as const;

function makeWrite(draft: Draft, dice: Dice): void {
  draft.method = dice.pick(writes);
  draft.query = [draft.query ?? '', 'dryRun=All'].filter((text) => text !== '').join('&');
  if (draft.method === 'DELETE') return;
  const type = draft.method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  draft.headers.push('Content-Type', type);
  draft.body = JSON.stringify({ metadata: { name: 'made-by-fuzzer', namespace: 'a' } });
}

function withoutHop(headers: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    if (!hopHeaders.has(headers[at].toLowerCase())) kept.push(headers[at], headers[at + 1]);
  }
  return kept;
}
