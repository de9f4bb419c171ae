/**
 * Inputs for the upstream vectors: the known corner cases, and seeded random ones around them.
 *
 * Random texts are built from the pieces each grammar is made of, so that most are almost valid:
 * that is where two parsers disagree.
 */
import * as fc from 'fast-check';
import { STATUSES, type Vector } from './check.ts';

export type Input = Omit<Vector, 'want'>;

const token = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

const LABEL_TEXTS = [
  '', ' ', 'a', '!a', ' ! a ', 'a=', 'a==', 'a!=', 'a=b', 'a==b', 'a!=b', 'a =\tb', 'a in (b)', 'a in ()',
  'a in (,)', 'a in (b,,c)', 'a in (c,b,c)', 'a notin (b)', 'a notin ()', 'in in (in,notin)', 'in', 'notin', '!in',
  'a>1', 'a<1', 'a>-1', 'a>+1', 'a>01', 'a>9223372036854775807', 'a>9223372036854775808', 'a>x', 'a>', 'a,b', 'a,',
  ',a', 'a,,b', 'a b', 'a=b c', 'a=b,c', 'a=(b)', 'a in b', 'a in (b', 'a in b)', 'a in (b c)', 'a===b', 'a=!b',
  '!a=b', '!!a', '!', '=', '(', 'a)', 'x.io/a=b', 'x.io/a/b=c', '/a=b', 'x.io/=b', 'X.io/a', 'x..io/a', '-a', 'a-',
  'a=-b', 'a=b-', `a=${'b'.repeat(63)}`, `a=${'b'.repeat(64)}`, 'b'.repeat(63), 'b'.repeat(64), 'a in(b)', 'ain (b)',
  'a notin(b),c', 'é=b', 'a=é', 'a\u0000b', 'a=b\u0000', 'a\u000bb', `${'x'.repeat(253)}/a`, `${'x'.repeat(254)}/a`,
  'a=b,a=b', 'a=b,a!=b', 'a=in', 'a<5,a>1', 'a >5', 'a=b\n', 'a>=1', 'a<=1', 'a<>b',
]; // prettier-ignore
const LABEL_SETS = [
  '{}', '{"a":"b"}', '{"a":""}', '{"a":"c","x.io/a":"b"}', '{"in":"in"}', '{"a":"5"}', '{"a":"-5"}', '{"a":"007"}',
  '{"a":"1","a":"b"}', '{"a":"\\u0062"}', '{"\\u0061":"b"}', '{"a":"\\\\"}', '{"a":"é"}', '{ "a" : "b" }',
  '{"a":"9223372036854775807"}', '{"a":"9223372036854775808"}', '{"a":"-9223372036854775808"}', '{"a":"+3"}',
  '{"a":"-0"}', '{"a":"-9223372036854775809"}', '{"b":"b","c":"a","d":"1"}', '{"a":"}"}', '{"b":"\\"a\\":\\"b"}',
]; // prettier-ignore
const FIELD_TEXTS = [
  '', ',', ',,', 'a=b', 'a==b', 'a!=b', 'a=', '=', '==', '!=', '=b', 'a', 'a=b,', ',a=b', 'a=b,c=d', 'c=d,a=b',
  'a=b,a=c', 'a=c,a=b', 'a==c,a=b', 'a=b=c', 'a=b\\=c', 'a=b\\,c', 'a=b\\\\', 'a=b\\', 'a=\\b', 'a=\\\\\\,', 'a\\,b=c',
  'a!b=c', 'a!=b!=c', 'a===b', ' a = b ', 'a=é', 'a=\u{1f600}', 'a=b\\\u{1f600}', 'metadata.name=x,metadata.name!=y',
  'a=\uffff,a=\u{10000}', 'a!', '!a=b', 'a=b\\,c=d',
]; // prettier-ignore
const TOKENS = [
  token({ v: 'meta.k8s.io/v1', rv: 5, start: '/a/b\u0000' }), token({ v: 'meta.k8s.io/v1', rv: 5, start: 'a/b\u0000' }),
  token({ v: 'meta.k8s.io/v1', rv: -1, start: '~\u0000' }), token({ v: 'meta.k8s.io/v1', rv: -2, start: 'a' }),
  token({ v: 'meta.k8s.io/v1', rv: 0, start: 'a' }), token({ v: 'meta.k8s.io/v1', rv: 5, start: '' }),
  token({ v: 'meta.k8s.io/v2', rv: 5, start: 'a' }), token({ rv: 5, start: 'a', v: 'meta.k8s.io/v1' }),
  token({ v: 'meta.k8s.io/v1', rv: 5, start: '../a' }), token({ v: 'meta.k8s.io/v1', rv: 5, start: 'a/../b' }),
  token({ v: 'meta.k8s.io/v1', rv: 5, start: 'a//b' }), token({ v: 'meta.k8s.io/v1', rv: 5, start: '//a' }),
  token({ v: 'meta.k8s.io/v1', rv: 5, start: 'a/' }), token({ v: 'meta.k8s.io/v1', rv: 5, start: '/' }),
  token({ v: 'meta.k8s.io/v1', rv: 5, start: '.' }), token({ v: 'meta.k8s.io/v1', rv: 1.5, start: 'a' }),
  token({ v: 'meta.k8s.io/v1', rv: 2 ** 53, start: 'a' }), token({ v: 'meta.k8s.io/v1', rv: '5', start: 'a' }),
  token({ v: 'meta.k8s.io/v1', rv: 5, start: '/a\u0000', x: 1 }), token({ V: 'meta.k8s.io/v1', RV: 5, START: 'a' }),
  token([]), token(null), token(7), 'AAAA', '!', 'a=', 'e30', 'e30=', '',
]; // prettier-ignore
const QUERIES = [
  '', '&', 'watch', 'watch=', 'watch=0', 'watch=False', 'watch=fal%C5%BFe', 'watch=1', 'watch=true&watch=false', 'limit=5',
  'limit=0', 'limit=-1', 'limit=%2B5', 'limit=+5', 'limit=abc', 'limit=', 'limit=9223372036854775807', 'limit=05',
  'limit=9223372036854775808', 'resourceVersion=0', 'resourceVersion=', 'resourceVersion=5', 'resourceVersion=5&limit=3',
  'resourceVersionMatch=Exact', 'resourceVersion=0&resourceVersionMatch=Exact', 'resourceVersion=5&resourceVersionMatch=Exact',
  'resourceVersion=0&resourceVersionMatch=NotOlderThan', 'resourceVersion=5&resourceVersionMatch=exact',
  'sendInitialEvents=true', 'watch=1&sendInitialEvents=true', 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan',
  'watch=1&sendInitialEvents=0&resourceVersionMatch=NotOlderThan', 'watch=1&sendInitialEvents=&resourceVersionMatch=NotOlderThan',
  'watch=1&resourceVersion=0', 'watch=1&resourceVersion=7', 'watch=1&resourceVersionMatch=NotOlderThan', `continue=${TOKENS[0]}`,
  `continue=${TOKENS[0]}&resourceVersion=0`, `continue=${TOKENS[0]}&resourceVersionMatch=Exact&resourceVersion=5`,
  `watch=1&continue=${TOKENS[0]}`, `watch=1&resourceVersion=5&continue=${TOKENS[0]}`, 'labelSelector=a%3Db', 'labelSelector=a=b',
  'labelSelector=a+in+(b)', 'labelSelector=a;b', 'labelSelector=%zz', 'labelSelector=%ff', 'labelSelector=a%2Bb', 'labelSelector=',
  'fieldSelector=metadata.name%3Dx', 'fieldSelector=metadata.name=x,spec.nodeName!=y', 'fieldSelector=x', 'w%61tch=1', 'WATCH=1',
  'timeoutSeconds=3', 'timeoutSeconds=0', 'timeoutSeconds=-3', 'timeoutSeconds=x', 'timeoutSeconds=99999999999', 'pretty=true',
  'timeout=5s', 'unknown=1', '=1', 'watch=1&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion=12', 'a=b=c',
  'allowWatchBookmarks=0', 'limit=500&resourceVersion=0', '%77atch=true&limit=%35',
]; // prettier-ignore
const PATHS = [
  '/', '/api', '/api/v1', '/api/v1/', '/api/v1/pods', '/api/v1/pods/', '/api/v1//pods', '//api/v1/pods', '/api/v1/pods/x',
  '/api/v1/namespaces', '/api/v1/namespaces/x', '/api/v1/namespaces/x/status', '/api/v1/namespaces/x/finalize',
  '/api/v1/namespaces/x/pods', '/api/v1/namespaces/x/pods/y', '/api/v1/namespaces/x/pods/y/log', '/api/v1/nodes/n/status',
  '/api/v1/watch/pods', '/api/v1/watch/namespaces/x/pods', '/api/v1/proxy/nodes/n', '/api/v1/watch', '/apis', '/apis/apps',
  '/apis/apps/v1', '/apis/apps/v1/deployments', '/apis/apps/v1/namespaces/x/deployments/y', '/apis/apps/v1/namespaces/x/status',
  '/api/v1/namespaces/x/namespaces', '/api/v1/namespaces/x/namespaces/y', '/api/v1/%70ods', '/api/v1/pods%2Fx', '/api/v1/./pods',
  '/api/v1/../v1/pods', '/api/v1/namespaces/../pods', '/api/v1/pods;x', '/api/v1/pods?', '/api/v1/pods?a=b?c', '/api/v1/pods?a#b',
  '/API/v1/pods', '/api/v1/clusterroles/system:basic-user', '/healthz', '/openapi/v3/apis/apps/v1', '*', 'http://x/api/v1/pods',
  '/api/v1/namespaces/x/services/https:y:1/proxy/a', '/api/v1/pods/x?watch=1', '/api/v1/pods?watch=1', '/apis/g/watch/x',
  '/api/v1/namespaces/watch/pods', '/api/watch/pods', '/apis/g/v/watch', '/api/v1/a b', "/api/v1/pods/!$&'()*+,=:@~",
]; // prettier-ignore
const ACCEPTS = [
  '', 'application/json', 'application/json, */*', '*/*', '*', 'application/*', 'application/json;q=0.5,application/yaml;q=0.9',
  'application/vnd.kubernetes.protobuf,application/json', 'application/vnd.kubernetes.protobuf', 'application/yaml',
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json', 'application/json;stream=watch', 'application/json;charset=utf-8',
  'application/json;pretty=1', 'application/json;q=0,*/*', 'text/html,application/xhtml+xml,*/*;q=0.8', 'application/json, */*;q=0.8',
  'Application/JSON', ' application/json ', 'application/json;', 'application / json', 'application/json;as=Foo,application/json',
  'application/json;g=meta.k8s.io', 'text/plain', 'application/json,', ',application/json', 'application/json/', '*/json',
  '*/*;q=0.9,application/yaml;q=0.1', 'application/yaml;q=0.1,application/json;q=0.5,*/*', 'application/cbor,application/json',
  'application/json;q=x', 'application/json;q= 0.5,application/yaml;q=0.7', 'application/', '*/', 'application/json;profile=nopeer',
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json',
]; // prettier-ignore
const AGENTS = [
  '',
  'kubectl/v1.36.3',
  'curl/8.5.0',
  'Wget/1.2',
  'Mozilla/5.0 (X11)',
  'Mozilla/4.0',
  'x curl',
];
const TEXTS = [
  '',
  'a',
  '<>&',
  '\u2028\u2029',
  '"\\',
  '\u0000\u0001\b\t\n\v\f\r\u001f\u007f',
  'é\u200b\u{1f600}\u{10ffff}',
  '\u00a0\u00ad',
];

const pieces = (parts: readonly string[], most: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...parts), { maxLength: most }).map((list) => list.join(''));

const labelText = pieces(
  ['a', 'b', 'in', 'notin', ' in ', ' notin ', '=', '==', '!=', '!', '(', ')', ',', '>', '<', ' ', '\t', '5', 'x.io/', '-', '.', ''],
  9,
); // prettier-ignore
const fieldText = pieces(
  ['a', 'b', '=', '==', '!=', '!', ',', '\\', '\\,', '\\=', '\\\\', '.', ' ', 'é'],
  9,
);
const labelSet = fc
  .array(
    fc.tuple(
      fc.constantFrom('a', 'b', 'in', 'x.io/a', 'é'),
      fc.constantFrom('', 'a', 'b', '5', '-5', '"', '\\', 'é', '06'),
    ),
    { maxLength: 4 },
  )
  .map(
    (pairs) => `{${pairs.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`).join(',')}}`,
  );
const queryText = fc
  .array(
    fc
      .tuple(
        fc.constantFrom('watch', 'limit', 'resourceVersion', 'resourceVersionMatch', 'continue', 'labelSelector',
          'fieldSelector', 'timeoutSeconds', 'allowWatchBookmarks', 'sendInitialEvents'),
        fc.oneof(
          fc.constantFrom('', '0', '1', '5', 'true', 'false', 'Exact', 'NotOlderThan', 'a%3Db', 'a=b', 'a', TOKENS[0], TOKENS[2]),
          labelText.map(encodeURIComponent),
          fieldText.map(encodeURIComponent),
        ),
      )
      .map(([name, value]) => `${name}=${value}`),
    { maxLength: 5 },
  )
  .map((pairs) => pairs.join('&')); // prettier-ignore
const segment = fc.constantFrom(
  'pods',
  'namespaces',
  'x',
  'watch',
  'proxy',
  'status',
  'finalize',
  'a:b',
  'log',
);
const pathText = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('/api/v1', '/apis/apps/v1', '/apis/g', '/api', '/x'),
      fc.array(segment, { maxLength: 5 }),
      fc.constantFrom('', '', '', '?watch=1', '?limit=5', '?', '/', '#x'),
    )
    .map(([root, segments, end]) => [root, ...segments].join('/') + end),
  pieces(['/', '/api', '/apis', '/v1', '/namespaces', '/pods', '/.', '/..', '%2f', '?', 'a'], 8).map(
    (path) => `/${path}`.replace(/^\/\//, '/'),
  ),
); // prettier-ignore
const acceptText = fc
  .array(
    fc
      .tuple(
        fc.constantFrom('application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf', '*/*', 'application/*',
          'text/html', '*', 'json', 'application/json/', ' application/json '),
        pieces([';q=0.5', ';q=0.9', ';q=0', '; q=0.3', ';as=Table', ';v=v1', ';g=meta.k8s.io', ';charset=utf-8', ';stream=watch', ';pretty=1', ';'], 2),
      )
      .map((pair) => pair.join('')),
    { maxLength: 5 },
  )
  .map((clauses) => clauses.join(',')); // prettier-ignore
const startKey = fc.oneof(
  pieces(['/', 'a', 'b', '.', '..', '\u0000', '~', '<', 'é', '-'], 6),
  pieces(['a', 'b-', 'c.', '/d', '\u0000'], 4).map((key) => `/x${key}`),
);
const tokenText = fc
  .tuple(
    fc.constantFrom('meta.k8s.io/v1', 'meta.k8s.io/v1', 'meta.k8s.io/v1', 'v1'),
    fc.oneof(fc.integer({ min: -2, max: 9 }), fc.maxSafeNat()),
    startKey,
  )
  .map(([v, rv, start]) => token({ v, rv, start }));
const keyText = pieces(['a', '/', '<', '&', '\u0000', 'é', '-', '"'], 6).map((key) => `/${key}`);
const anyText = fc.string({ unit: 'grapheme', maxLength: 12 });
/** Not any text: which runes are printable depends on the Unicode version. */
const quotedText = fc.string({
  unit: fc.integer({ min: 0, max: 0xff }).map((code) => String.fromCharCode(code)),
});

const of =
  (kind: string) =>
  (input: string): Input => ({ kind, input });

/** The corner cases of every grammar. */
export function knownInputs(): Input[] {
  return [
    ...LABEL_TEXTS.map((input) => ({ kind: 'labels', input, labels: LABEL_SETS })),
    ...FIELD_TEXTS.map(of('fields')),
    ...QUERIES.map(of('list')),
    ...PATHS.map(of('path')),
    ...ACCEPTS.flatMap((input) =>
      [false, true].map((custom) => ({ kind: 'accept', input, custom, agent: AGENTS[1] })),
    ),
    ...AGENTS.map((agent) => ({ kind: 'accept', input: 'application/json', agent })),
    ...TOKENS.map(of('continue')),
    ...['/a\u0000', '/a/b\u0000', '/<&>', '/é\u0000'].map(of('encode-continue')),
    ...TEXTS.flatMap((input) => [of('json')(input), of('quote')(input)]),
    ...Object.keys(STATUSES).map(of('status')),
  ];
}

/** `count` random inputs per grammar. */
export function randomInputs(seed: number, count: number): Input[] {
  const sample = (text: fc.Arbitrary<string>): string[] =>
    fc.sample(text, { seed, numRuns: count });
  const sets = fc.sample(fc.array(labelSet, { minLength: 3, maxLength: 3 }), {
    seed,
    numRuns: count,
  });
  return [
    ...sample(labelText).map((input, i) => ({ kind: 'labels', input, labels: sets[i] })),
    ...sample(fieldText).map(of('fields')),
    ...sample(queryText).map(of('list')),
    ...sample(pathText).map(of('path')),
    ...sample(acceptText).map((input, i) => ({
      kind: 'accept',
      input,
      custom: i % 2 === 0,
      agent: '',
    })),
    ...sample(tokenText).map(of('continue')),
    ...sample(keyText).map(of('encode-continue')),
    ...sample(anyText).map(of('json')),
    ...sample(quotedText).map(of('quote')),
  ];
}
