// In which form an answer is asked for: Accept, Accept-Encoding and User-Agent, as released clients
// send them (semantics 6.1), and in every other way.

import type { Dice } from './dice.ts';
import type { Mood } from './grammar-options.ts';

export type Verb = 'list' | 'watch' | 'get' | 'other';

export interface Form {
  /** As the counts name it. */
  readonly name: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
}

const protobuf = 'application/vnd.kubernetes.protobuf';

function metadataOf(verb: Verb): string {
  const kind = verb === 'list' ? 'PartialObjectMetadataList' : 'PartialObjectMetadata';
  return `as=${kind};g=meta.k8s.io;v=v1`;
}

type Accept = readonly [form: string, accept: string | readonly string[] | undefined];

export function formOf(dice: Dice, verb: Verb, mood: Mood): Form {
  const [name, accept] = acceptOf(dice, verb, mood);
  const agent = mood === 'unusual' && dice.chance(0.3) ? dice.pick(people) : dice.pick(programs);
  const compression = dice.weighted<string | undefined>([
    [4, 'gzip'],
    [4, undefined],
    [1, 'identity'],
    [1, mood === 'usual' ? 'gzip, deflate' : dice.pick(oddCompressions)],
  ]);
  const headers: Record<string, string | readonly string[]> = {};
  if (accept !== undefined) headers['accept'] = accept;
  if (agent !== '') headers['user-agent'] = agent;
  if (compression !== undefined) headers['accept-encoding'] = compression;
  return { name, headers };
}

const programs = [
  'kubelet/v1.36.3 (linux/amd64) kubernetes/0000000',
  'kube-controller-manager/v1.36.3 (linux/amd64) kubernetes/0000000/shared-informers',
  'kubectl/v1.34.1 (linux/amd64) kubernetes/0000000',
  'OpenAPI-Generator/33.1.0/python',
  'Go-http-client/2.0',
  '',
];
const people = [
  'curl/8.5.0',
  'Wget/1.21',
  'Mozilla/5.0 (X11; Linux x86_64)',
  'curlish',
  'mozilla/5.0',
];
const oddCompressions = [
  'gzip;q=1.0',
  'br',
  '*',
  'GZIP',
  'deflate,gzip',
  'gzip,gzip',
  'identity;q=0',
];

function acceptOf(dice: Dice, verb: Verb, mood: Mood): Accept {
  if (mood === 'usual') return dice.weighted(usualAccepts(verb));
  if (mood === 'unusual') return dice.pick(rareAccepts(verb));
  return dice.chance(0.2)
    ? ['two Accepts', [dice.pick(oddAccepts), 'application/json']]
    : ['odd', dice.pick(oddAccepts)];
}

function usualAccepts(verb: Verb): readonly (readonly [number, Accept])[] {
  const meta = metadataOf(verb);
  const json = `application/json;${meta}`;
  const table = (version: string): string => `application/json;as=Table;v=${version};g=meta.k8s.io`;
  return [
    [3, ['json', 'application/json']],
    [1, ['json', undefined]],
    [1, ['json', '*/*']],
    [1, ['json', 'application/json, */*']],
    [6, ['protobuf', `${protobuf},application/json`]],
    [1, ['protobuf', protobuf]],
    [1, ['protobuf', `${protobuf}, */*`]],
    [3, ['metadata protobuf', `${protobuf};${meta},${json},application/json`]],
    [1, ['metadata protobuf', `${protobuf};${meta}`]],
    [2, ['metadata json', `${json},application/json`]],
    [2, ['metadata json', json]],
    [0.6, ['table', `${table('v1')},${table('v1beta1')},application/json`]],
  ];
}

function rareAccepts(verb: Verb): readonly Accept[] {
  const meta = metadataOf(verb);
  const other = metadataOf(verb === 'list' ? 'get' : 'list');
  return [
    ['yaml', 'application/yaml'],
    ['yaml', 'application/yaml, application/json;q=0.9'],
    ['json', 'application/json;charset=utf-8'],
    ['json', 'application/json;q=0.5'],
    ['json', 'text/html,application/json;q=0.9'],
    ['json', 'text/html, application/xhtml+xml, */*;q=0.8'],
    ['json', `${protobuf};q=0.1,application/json`],
    ['json', 'application/json;stream=watch'],
    ['json', '*'],
    ['json', 'application/*'],
    ['json', ''],
    ['json', 'application/json,application/json'],
    ['protobuf', `application/json;q=0.3, ${protobuf};q=0.4`],
    ['protobuf', `${protobuf};stream=watch,application/json;stream=watch`],
    ['protobuf', `${protobuf},application/yaml`],
    ['protobuf', `text/plain,${protobuf};q=0.2`],
    ['pretty', 'application/json;pretty=1'],
    ['metadata json', `application/json;${meta.replace('v=v1', 'v=v1beta1')}`],
    ['metadata json', `application/json;v=v1;g=meta.k8s.io;${meta.split(';')[0]}`],
    ['metadata json', `application/json; ${meta.replaceAll(';', '; ')}`],
    ['metadata json', `*/*;${meta}`],
    ['metadata json', `application/json;${meta};q=0.9,application/json;q=0.8`],
    ['metadata protobuf', `${protobuf};${meta};charset=utf-8`],
    ['metadata protobuf', `${protobuf};${meta};q=0.5,${protobuf};q=0.4`],
    ['metadata json', `application/json;${meta};drop=metadata.managedFields`],
    ['json', 'application/json;drop=metadata.managedFields'],
    ['protobuf', `${protobuf};drop=metadata.managedFields,application/json`],
    ['metadata of the other kind', `application/json;${other}`],
    ['metadata of the other kind', `${protobuf};${other},application/json`],
    ['table', 'application/json;as=Table;v=v1;g=meta.k8s.io'],
    ['table', 'application/yaml;as=Table;v=v1;g=meta.k8s.io'],
    ['cbor', 'application/cbor,application/json'],
  ];
}

const oddAccepts: readonly string[] = [
  'text/plain',
  'garbage',
  'application/',
  '/json',
  ',',
  ';',
  ';;q=1',
  'application/json;as=Nothing;g=meta.k8s.io;v=v1',
  'application/json;as=Table;g=meta.k8s.io;v=v9',
  'application/json;as=PartialObjectMetadata',
  `${protobuf};as=Table;g=meta.k8s.io;v=v1`,
  `${protobuf};as=Nothing;g=meta.k8s.io;v=v1`,
  'application/json;stream=nothing',
  'application/json;q=nothing',
  'application/json;q=0',
  'application/json;q=2',
  'application/json;q=-1',
  'application/json;export=1',
  'application/json;sv=v1',
  'application/json;sv=v2',
  'APPLICATION/JSON',
  'application/Json',
  'application/json/x',
  'application/cbor',
  'application/yaml;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
  '\tapplication/json',
  'application/json\t',
  'application/json ; charset=utf-8',
  'image/*,*/*;q=0',
];
