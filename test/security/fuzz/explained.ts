// The reviewed list of differing answers. Every other difference is a fault, and no entry excuses an
// answer that upstream refused to give: where the proxy says 2xx and upstream 401 or 403, nothing here is
// asked.

import type { Answer, Sent } from './answer.ts';

export interface Explanation {
  readonly name: string;
  readonly reason: string;
  covers(sent: Sent, direct: Answer, proxied: Answer): boolean;
}

export const explanations: readonly Explanation[] = [
  {
    name: 'a target that is no plain path',
    reason:
      'Absolute targets, fragments, and bytes that are neither printable nor ASCII are read by Go in its own way and by other programs in others: the proxy answers 400 and forwards nothing.',
    covers: ({ target }, _direct, { status }) =>
      status === 400 && (!target.startsWith('/') || /[^\x21-\x7e]|#/.test(target)),
  },
  {
    name: 'a broken escape over HTTP/2',
    reason:
      'Go resets the stream of an HTTP/2 request whose path does not parse, and answers 400 over HTTP/1.1, which is what the proxy speaks to it.',
    covers: ({ target, protocol }, direct, { status }) =>
      protocol === 'h2' && direct.status === 0 && status === 400 && hasBrokenEscape(target),
  },
  {
    name: 'Connection names an identity header',
    reason:
      'A proxy that obeyed would forward the request without it (CVE-2022-23652); upstream, which is nobody’s proxy, ignores the header. The proxy answers 400.',
    covers: ({ headers }, _direct, { status }) =>
      status === 400 &&
      fields(headers).some(
        ([name, value]) =>
          name === 'connection' && /authorization|impersonate-|x-remote-/i.test(value),
      ),
  },
  {
    name: 'underscores in an identity header',
    reason:
      'Some servers read _ as -. Upstream ignores such a header, the proxy answers 400; no client sends one.',
    covers: ({ headers }, _direct, { status }) =>
      status === 400 &&
      fields(headers).some(
        ([name]) =>
          name.includes('_') && /^(impersonate-|x-remote-)/.test(name.replaceAll('_', '-')),
      ),
  },
  {
    name: 'white space around an HTTP/2 header value',
    reason:
      'Malformed by RFC 9113 8.2.1, but Go keeps it, and the HTTP/1.1 towards upstream would lose it. Around a name in an impersonation header it makes another user: the proxy answers 400. Elsewhere it changes nobody’s identity, and Accept or User-Agent mean what they mean without.',
    covers: ({ headers, protocol }, _direct, { status }) =>
      protocol === 'h2' &&
      fields(headers).some(
        ([name, value]) =>
          /^[ \t]|[ \t]$/.test(value) && (status === 400 || !name.startsWith('impersonate-')),
      ),
  },
  {
    name: 'a timeout of upstream, told to a watch',
    reason:
      'A 502, 503 or 504 makes client-go list again; a watch is told 429, so that it comes back with its revision (semantics 9.2).',
    covers: ({ target }, direct, { status }) =>
      status === 429 && [502, 503, 504].includes(direct.status) && /[?&]watch=/.test(target),
  },
  {
    name: 'Connection on two lines',
    reason:
      'Both lines together are the header; Go’s WebSocket handshake looks at the first alone. The proxy, whose own hop Connection is about, reads all and sends one, and then other rules of the handshake refuse.',
    covers: ({ headers }, direct, { status }) =>
      direct.status === 400 &&
      direct.body.includes('not websocket protocol') &&
      status === 403 &&
      fields(headers).filter(([name]) => name === 'connection').length > 1,
  },
  {
    name: 'impersonation over a client certificate',
    reason:
      'The proxy asks upstream whether the certificate’s own user may impersonate, and refuses in its own words; what is empty or torn it refuses with 400, as it cannot be asked about. Upstream words a refusal by the constrained right it missed last. Beyond 20 questions a second about one user it says 429, and to come again.',
    covers: ({ headers, certificate }, _direct, { status, body }) =>
      (status === 403 || status === 400 || isBusy(status, body)) &&
      certificate !== undefined &&
      fields(headers).some(([name]) => name.startsWith('impersonate-')),
  },
  {
    name: 'which of several extras is refused',
    reason:
      'Go walks the extras of an impersonation in random order, so kube-apiserver itself names now this one, now that one.',
    covers: ({ headers }, direct, { status, body }) => {
      const names = fields(headers).map(([name]) => name);
      const extras = new Set(names.filter((name) => name.startsWith('impersonate-extra-')));
      const isAboutOne = (text: Buffer): boolean => text.includes('resource "userextras');
      return (
        extras.size > 1 &&
        direct.status === 403 &&
        status === 403 &&
        isAboutOne(direct.body) &&
        isAboutOne(body)
      );
    },
  },
];

export function fields(headers: readonly string[]): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at < headers.length; at += 2) {
    pairs.push([headers[at].toLowerCase(), headers[at + 1]]);
  }
  return pairs;
}

function isBusy(status: number, body: Buffer): boolean {
  return status === 429 && body.includes('Too many questions');
}

function hasBrokenEscape(target: string): boolean {
  return /%(?![0-9a-fA-F]{2})/.test(target.split('?')[0]);
}
