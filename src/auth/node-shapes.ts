/**
 * NodeShapes: what a node may read of itself by upstream's Node authorizer, allowed without asking.
 *
 * Ten thousand kubelets that open their watches again every few minutes would ask hundreds of questions a second
 * whose answer is in the question: a node may read its own pods, its own Node, its own Lease and
 * CSINode (k/k plugin/pkg/auth/authorizer/node). Never Secrets or ConfigMaps: those hang on
 * which pods are bound where. Opt-in, and only for as long as upstream agrees: the first of these questions
 * and one in `SAMPLE_EVERY` is asked all the same, and one refusal switches this off for good.
 */

import type { Attributes } from './attributes.ts';
import type { JudgeableCredential } from './authenticate.ts';

const SAMPLE_EVERY = 1_000;
const NODE_USER = /^system:node:([a-z0-9](?:[-.a-z0-9]*[a-z0-9])?)$/;

type State =
  | { readonly kind: 'off' }
  /** Upstream has not been asked yet, or not answered. */
  | { readonly kind: 'unproven' }
  | { readonly kind: 'trusted' };

export class NodeShapes {
  #state: State;
  #seen = 0;
  readonly #onRefusal: () => void;
  /** Plain counters, read at scrape time. */
  readonly counters = { allowed: 0, sampled: 0, refused: 0 };

  constructor(enabled: boolean, onRefusal: () => void = () => {}) {
    this.#state = { kind: enabled ? 'unproven' : 'off' };
    this.#onRefusal = onRefusal;
  }

  get state(): State['kind'] {
    return this.#state.kind;
  }

  /** `allow`: no need to ask. `sample`: ask, and tell `learn` what was said. `no`: not of these. */
  look(credential: JudgeableCredential, question: Attributes): 'allow' | 'sample' | 'no' {
    if (this.#state.kind === 'off' || !isOfItself(credential, question)) return 'no';
    this.#seen += 1;
    if (this.#state.kind === 'unproven' || this.#seen % SAMPLE_EVERY === 0) {
      this.counters.sampled += 1;
      return 'sample';
    }
    this.counters.allowed += 1;
    return 'allow';
  }

  /** Upstream's own answer to a sample; anything but yes or no proves nothing. */
  learn(answer: 'allow' | 'deny' | 'undecided'): void {
    if (this.#state.kind === 'off') return;
    if (answer === 'allow') this.#state = { kind: 'trusted' };
    if (answer !== 'deny') return;
    this.counters.refused += 1;
    this.#state = { kind: 'off' };
    this.#onRefusal();
  }
}

/** Exactly as kubelets ask; every other spelling is asked about. */
function isOfItself(credential: JudgeableCredential, question: Attributes): boolean {
  if (credential.kind !== 'named' || credential.mayBeTakenBack || !credential.actsAsNode)
    return false;
  const [, node] = NODE_USER.exec(credential.userInfo.user) ?? [];
  if (node === undefined) return false;
  const { verb, group, resource, namespace, name, rawFieldSelector } = question;
  switch (`${group}/${resource}`) {
    case '/pods':
      return verb !== 'get' && rawFieldSelector === `spec.nodeName=${node}`;
    case '/nodes':
      return name === node;
    case 'coordination.k8s.io/leases':
      return verb === 'get' && namespace === 'kube-node-lease' && name === node;
    case 'storage.k8s.io/csinodes':
      return verb === 'get' && name === node;
    default:
      return false;
  }
}
