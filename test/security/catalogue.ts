// The acceptance tests of the security design: one row for each number, what is asked, and which tests prove it. Read
// by `npm run security` (run.ts) and by catalogue.test.ts. A row promises that its tests exist and that all of them
// must pass; a row without tests says why it has none.

/** R: against a real kube-apiserver. F: against a scripted upstream. U: inside one process. */
export type Kind = 'R' | 'F' | 'U' | 'R+F' | 'R+U';

/** Every test of `file` whose full name contains `name`. */
export interface Proof {
  readonly file: string;
  readonly name: string;
}

export type Standing =
  | { readonly kind: 'proved'; readonly by: readonly Proof[] }
  | { readonly kind: 'inapplicable'; readonly reason: string };

export interface Row {
  readonly number: number;
  readonly title: string;
  readonly kind: Kind;
  readonly standing: Standing;
}

/** How the title of a test begins that proves a number. */
export function titlePrefix(number: number): string {
  return `#${number} `;
}

/** A word names a file of this folder, whose tests begin with the number; anything else is named in full. */
function proved(
  number: number,
  kind: Kind,
  title: string,
  ...proofs: readonly (string | Proof)[]
): Row {
  const by = proofs.map((proof) =>
    typeof proof === 'string'
      ? { file: `test/security/${proof}.test.ts`, name: titlePrefix(number) }
      : proof,
  );
  return { number, kind, title, standing: { kind: 'proved', by } };
}

function inapplicable(number: number, kind: Kind, title: string, reason: string): Row {
  return { number, kind, title, standing: { kind: 'inapplicable', reason } };
}

function elsewhere(file: string, name: string): Proof {
  return { file: `test/${file}.test.ts`, name };
}

const demo = '/apis/demo.watershed.dev/v1';

export const catalogue: readonly Row[] = [
  proved(1, 'R', 'no credentials', 'quiet'),
  proved(2, 'R', 'an unknown token is nobody, never anonymous', 'quiet'),
  proved(3, 'R', 'an empty token is no token', 'quiet'),
  proved(
    4,
    'R+F',
    'a TokenReview that does not vouch',
    'reviewed-tokens',
    elsewhere('auth/token-reviews', 'a review that does not vouch'),
  ),
  proved(5, 'R', 'the token of a deleted pod', 'changing'),
  proved(6, 'R', 'a token for another audience', 'quiet'),
  proved(7, 'R', 'client certificates that prove nothing', 'certificates'),
  proved(8, 'R', 'a certificate with two groups', 'certificates'),
  proved(9, 'R', 'the authority of clients is replaced', 'certificates'),
  proved(10, 'R', 'rights in one namespace', 'quiet'),
  proved(11, 'R', 'list and watch are two rights', 'quiet'),
  proved(12, 'R', 'a right to one name', 'quiet'),
  proved(13, 'R', 'secrets that are served from memory', 'quiet'),
  proved(14, 'R+F', 'paths in other spellings', 'quiet', 'upstream'),
  proved(
    15,
    'R+U',
    'path pieces that would be keys',
    'quiet',
    elsewhere('k8s/request-target', 'is left to upstream'),
    elsewhere('k8s/request-target', 'no text makes it throw, and nothing odd gets through'),
  ),
  proved(
    16,
    'R',
    'a resource in the other scope',
    ...[
      '/api/v1/namespaces/a/nodes',
      '/api/v1/pods/n',
      `${demo}/namespaces/a/gadgets`,
      `${demo}/widgets/n`,
    ].map((path) =>
      elsewhere('conformance/byte-equality', `refusals and other forms over http/1.1 ${path}`),
    ),
  ),
  proved(17, 'R', 'queries that two parsers read in two ways', 'quiet'),
  proved(18, 'F', 'Connection names an identity header', 'certificates'),
  proved(19, 'F', 'the same on an upgrade and over HTTP/2', 'certificates'),
  proved(20, 'R+F', 'a certificate client that impersonates', 'certificates'),
  proved(21, 'R', 'a token client that impersonates', 'quiet'),
  proved(
    22,
    'R+F',
    'identity headers of a front proxy',
    'quiet',
    elsewhere('proxy/headers', 'headers sent upstream leave out X-Remote-User'),
    elsewhere('proxy/headers', 'headers sent upstream leave out x-remote-extra-scopes'),
    elsewhere('proxy/pass-through', 'arrives upstream as it was sent, without our hop'),
    elsewhere('proxy/upgrade', 'is sent upstream with clean headers'),
  ),
  proved(23, 'F', 'smuggled requests', 'upstream'),
  proved(
    24,
    'R+F',
    'refused upgrades',
    'quiet',
    elsewhere('proxy/upgrade', 'an upgrade that upstream refuses with'),
  ),
  proved(25, 'F', 'redirects to somebody else', 'upstream'),
  proved(26, 'R+F', 'proxied nodes and services', 'quiet', 'upstream'),
  proved(27, 'R', 'a node writes for another node', 'certificates'),
  proved(28, 'R', 'a node reads the pods of another node', 'certificates'),
  proved(29, 'R', 'a secret of a pod that was just bound', 'certificates'),
  proved(30, 'R', 'answers that depend on who asks', 'changing'),
  proved(31, 'R', 'every served route, without rights', 'quiet'),
  proved(32, 'U', 'streams reset in bulk', 'floods'),
  proved(33, 'U', 'floods of frames, slow headers and bodies', 'floods'),
  proved(34, 'R', 'a right taken away behind an open watch', 'changing'),
  proved(35, 'R', 'a token that ends behind an open watch', 'changing'),
  proved(
    36,
    'U',
    'credentials in logs, metrics and pages',
    'leaks',
    elsewhere('auth/authenticate', 'the headers are kept as they came, and nothing prints them'),
  ),
  proved(37, 'R', 'continue tokens of somebody else', 'quiet'),
  proved(38, 'U', 'names that callers make up and metrics', 'leaks'),
  proved(39, 'U', 'many selectors, long selectors', 'floods'),
  proved(40, 'U', 'watchers that never read', 'floods'),
  proved(41, 'F', 'floods of questions', 'floods'),
  proved(
    42,
    'F',
    'upstream cannot be reached',
    'upstream',
    elsewhere('auth/recheck', 'after two minutes without an answer, a watch on secrets at once'),
  ),
  proved(
    43,
    'F',
    'reviews that answer nonsense',
    'upstream',
    elsewhere('auth/authorize', 'the review answered with'),
  ),
  proved(44, 'R', 'two callers on one connection', 'quiet'),
  proved(45, 'R', 'a certificate and the token of somebody else', 'certificates'),
  proved(46, 'R', 'a namespace carries its own name', 'quiet'),
  proved(47, 'R', 'leases during an election', 'changing'),
  proved(48, 'R', 'writes and their limits', 'changing'),
  proved(
    49,
    'R',
    'kubectl with and without the proxy',
    elsewhere('compat/kubectl', 'kubectl with and without the proxy shows the same'),
  ),
  inapplicable(50, 'U', 'files of a cache on disk', 'nothing is kept on disk'),
  proved(
    51,
    'R',
    'a group that another server takes over',
    elsewhere('conformance/aggregated', 'A group that changes hands'),
  ),
  proved(52, 'R', 'an impersonator with other rights', 'certificates'),
  proved(
    53,
    'R',
    'mutated requests of many identities',
    elsewhere('security/fuzz', 'Mutated requests of many identities'),
  ),
  proved(54, 'R', 'rights that come and go', elsewhere('security/race', 'Rights that come and go')),
];
