// The requests of a differential run. A seed makes the same requests in the same order; revisions are
// those of the run's own past. About half of them are spelled and formed as released clients do it, a
// quarter in rarer ways, and a quarter has something that upstream may refuse.

import type { Request } from '../support/stack.ts';
import { Dice } from './dice.ts';
import { formOf } from './grammar-forms.ts';
import type { Form, Verb } from './grammar-forms.ts';
import { getOptions, listOptions, watchOptions } from './grammar-options.ts';
import type { Ground, Mood, Parameter } from './grammar-options.ts';
import { fieldSelector, labelSelector } from './grammar-selectors.ts';
import { spelled } from './grammar-spelling.ts';
import type { Past } from './past.ts';
import { collectionPath, namespaces, objectPath, subjects } from './subjects.ts';

export interface Generated {
  readonly request: Request;
  readonly verb: Verb;
  /** Name of the subject, or `other`. */
  readonly subject: string;
  readonly form: string;
  readonly mood: Mood;
}

/** What may be out of the ordinary; a request that is not usual is so in one of them. */
type Dimension = 'options' | 'labels' | 'fields' | 'form' | 'spelling' | 'scope' | 'method';

export class Grammar {
  readonly #dice: Dice;
  readonly #past: Past;
  readonly #made = new Set<string>();

  constructor(seed: number, past: Past) {
    this.#dice = new Dice(seed);
    this.#past = past;
  }

  /** A request that was not made before. */
  next(): Generated {
    for (;;) {
      const made = this.#make();
      const { protocol: _, ...request } = made.request;
      const key = JSON.stringify(request);
      if (this.#made.has(key)) continue;
      this.#made.add(key);
      return made;
    }
  }

  #make(): Generated {
    const dice = this.#dice;
    const verb = dice.weighted<Verb>([
      [46, 'list'],
      [27, 'watch'],
      [22, 'get'],
      [5, 'other'],
    ]);
    const mood = dice.weighted<Mood>([
      [52, 'usual'],
      [24, 'unusual'],
      [24, 'broken'],
    ]);
    return verb === 'other' ? this.#other(mood) : this.#read(verb, mood);
  }

  #read(verb: Exclude<Verb, 'other'>, mood: Mood): Generated {
    const dice = this.#dice;
    const subject = dice.weighted(subjects.map((each) => [each.weight, each] as const));
    const dimension = dice.weighted(dimensionsOf[verb]);
    const moodOf = (each: Dimension): Mood => (each === dimension ? mood : 'usual');
    const namespace = this.#namespaceOf(subject.namespaced, moodOf('scope'));
    const ground: Ground = { dice, past: this.#past, subject, namespace };
    const form = formOf(dice, verb, moodOf('form'));
    const path = verb === 'get' ? this.#objectPath(ground) : collectionPath(subject, namespace);
    const parameters = this.#parameters(ground, verb, moodOf);
    const target = spelled(dice, path, parameters, moodOf('spelling'));
    const method = dimension === 'method' && mood !== 'usual' ? 'HEAD' : undefined;
    return {
      request: { ...this.#asked(form), path: target, ...(method === undefined ? {} : { method }) },
      verb,
      subject: subject.name,
      form: form.name,
      mood,
    };
  }

  #parameters(
    ground: Ground,
    verb: Exclude<Verb, 'other'>,
    moodOf: (each: Dimension) => Mood,
  ): Parameter[] {
    const { dice } = ground;
    if (verb === 'get') return getOptions(ground, moodOf('options'));
    const make = verb === 'list' ? listOptions : watchOptions;
    const parameters = make(ground, moodOf('options'));
    if (moodOf('labels') !== 'usual' || dice.chance(0.2)) {
      parameters.push(['labelSelector', labelSelector(dice, moodOf('labels'))]);
    }
    if (moodOf('fields') !== 'usual' || dice.chance(0.2)) {
      parameters.push(['fieldSelector', fieldSelector(ground, moodOf('fields'))]);
    }
    return parameters;
  }

  #namespaceOf(namespaced: boolean, mood: Mood): string {
    const dice = this.#dice;
    if (mood === 'broken') return dice.pick(['A', 'a.b', 'a_b', '-', 'no-such-namespace', 'a']);
    if (!namespaced) return '';
    return dice.chance(0.5) ? '' : dice.pick(namespaces);
  }

  #objectPath({ dice, past, subject, namespace }: Ground): string {
    const keys = past.keys.get(subject.name) ?? [];
    if (keys.length > 0 && dice.chance(0.8)) return objectPath(subject, dice.pick(keys));
    const name = dice.pick(['none', 'n0', 'gone', 'N', 'a.b', `${'n'.repeat(253)}`]);
    return objectPath(subject, subject.namespaced ? `${namespace || 'a'}/${name}` : name);
  }

  #other(mood: Mood): Generated {
    const dice = this.#dice;
    const form = formOf(dice, 'other', mood === 'broken' ? 'usual' : mood);
    const subject = dice.pick(subjects);
    const keys = this.#past.keys.get(subject.name) ?? [];
    const key = keys.length > 0 ? dice.pick(keys) : 'none/none';
    const subresource = dice.pick(['status', 'scale', 'log', 'proxy', 'binding', 'token', 'nope']);
    const path = dice.chance(0.3)
      ? `${objectPath(subject, key)}/${subresource}`
      : dice.pick(otherPaths);
    const query = dice.chance(0.3)
      ? dice.pick(['?limit=1', '?timeout=10s', '?foo', '?pretty=true'])
      : '';
    const request = { ...this.#asked(form), path: path + query };
    return { request, verb: 'other', subject: 'other', form: form.name, mood };
  }

  #asked(form: Form): Omit<Request, 'path'> {
    const dice = this.#dice;
    const who = dice.weighted<Partial<Request>>([
      [94, {}],
      [2, { user: 'alice' }],
      [1, { user: 'wanda' }],
      [1, { user: 'nobody' }],
      [1, { user: null }],
      [1, { token: 'garbage' }],
    ]);
    return { ...who, headers: form.headers, protocol: dice.pick(['http/1.1', 'h2'] as const) };
  }
}

const dimensionsOf: Readonly<
  Record<Exclude<Verb, 'other'>, readonly (readonly [weight: number, dimension: Dimension])[]>
> = {
  list: [
    [6, 'options'],
    [5, 'labels'],
    [5, 'fields'],
    [5, 'form'],
    [5, 'spelling'],
    [1, 'scope'],
    [0.5, 'method'],
  ],
  watch: [
    [6, 'options'],
    [3, 'labels'],
    [3, 'fields'],
    [4, 'form'],
    [3, 'spelling'],
    [1, 'scope'],
  ],
  get: [
    [5, 'options'],
    [5, 'form'],
    [5, 'spelling'],
    [1, 'scope'],
    [0.5, 'method'],
  ],
};

/** What nobody caches: discovery, health, other resources, and paths that name nothing. */
const otherPaths = [
  '/',
  '/api',
  '/api/',
  '/apis',
  '/api/v1',
  '/apis/apps',
  '/apis/apps/v1',
  '/apis/demo.watershed.dev/v1',
  '/version',
  '/healthz',
  '/readyz',
  '/livez/ping',
  '/openapi/v3',
  '/nope',
  '/api/v1/events',
  '/apis/events.k8s.io/v1/events',
  '/apis/events.k8s.io/v1/namespaces/a/events/none',
  '/api/v1/componentstatuses?labelSelector=nothing%3Dmatches',
  '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/none',
  '/apis/storage.k8s.io/v1/storageclasses',
  '/apis/rbac.authorization.k8s.io/v1/namespaces/a/roles',
  '/apis/certificates.k8s.io/v1/certificatesigningrequests',
  '/api/v1/foos',
  '/api/v1/namespaces/a/foos',
  '/api/v2/pods',
  '/apis/nope/v1/foos',
  '/apis/apps/v2/deployments',
  '/apis/demo.watershed.dev/v2/widgets',
  '/apis/demo.watershed.dev/v1/nopes',
  '/api/v1/namespaces/a/nodes',
  '/api/v1/pods/n',
  '/apis/demo.watershed.dev/v1/namespaces/a/gadgets',
  '/apis/demo.watershed.dev/v1/widgets/n',
  '/api/v1/namespaces/a/status',
  '/api/v1/namespaces/a/finalize',
  '/api/v1/namespaces/a/pods/n/exec',
];
