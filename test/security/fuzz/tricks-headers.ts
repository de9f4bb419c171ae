// Tricks with headers: who the sender is, or seems to be, said in more than one way.

import type { Dice } from '../../conformance/differential/dice.ts';
import { formOf } from '../../conformance/differential/grammar-forms.ts';
import { tokens } from '../../conformance/control-plane/users.ts';
import { dropHeader, setHeader, valueOf } from './draft.ts';
import type { Draft } from './draft.ts';
import { accountUser } from './identities.ts';
import type { Trick } from './tricks-target.ts';

const people = [
  'alice',
  'wanda',
  'nora',
  'nobody',
  'admin',
  'system:admin',
  'system:anonymous',
  accountUser,
  'system:node:node-1',
  // Two bytes of UTF-8, as a header holds them.
  'jos\u00c3\u00a9',
  '',
];
const groups = [
  'system:masters',
  'system:authenticated',
  'system:unauthenticated',
  'system:nodes',
  'system:serviceaccounts',
  'a, b',
  '',
];

/** Somebody's Authorization, most often one that may less than others. */
function someAuthorization(dice: Dice): string {
  const token = dice.pick([
    tokens.admin,
    tokens.alice,
    tokens.wanda,
    tokens.nora,
    tokens.nobody,
    'garbage',
    '',
  ]);
  return `${dice.pick(['Bearer', 'bearer', 'Basic', ''])} ${token}`.trim();
}

function respelled(value: string, dice: Dice): string {
  const [scheme, token = ''] = value.split(' ');
  return dice
    .pick([
      `${scheme.toLowerCase()} ${token}`,
      `${scheme.toUpperCase()} ${token}`,
      `${scheme}  ${token}`,
      `${scheme}\t${token}`,
      `${scheme} \t${token}`,
      `${scheme} ${token} extra`,
      `${scheme} ${token} ${tokens.admin}`,
      `${scheme} ${token},${tokens.admin}`,
      `${scheme} "${token}"`,
      `${scheme}: ${token}`,
      `${scheme}`,
      `${scheme} `,
      `Basic ${token}`,
      `Bearer Bearer ${token}`,
      token,
      '',
    ])
    .trim();
}

function impersonation(draft: Draft, dice: Dice): void {
  const pairs: string[] = [];
  if (dice.chance(0.9)) pairs.push('Impersonate-User', dice.pick(people));
  if (dice.chance(0.1)) pairs.push('Impersonate-User', dice.pick(people));
  const count = dice.weighted([
    [6, 0],
    [3, 1],
    [1, 2],
  ] as const);
  for (let i = 0; i < count; i += 1) pairs.push('Impersonate-Group', dice.pick(groups));
  if (dice.chance(0.1)) pairs.push('Impersonate-Uid', dice.pick(['uid-alice', '']));
  if (dice.chance(0.1)) {
    pairs.push(`Impersonate-Extra-${dice.pick(['scopes', 'a%2fb', 'X', ''])}`, 'x');
  }
  const cased = dice.chance(0.15) ? (name: string) => name.toUpperCase() : (name: string) => name;
  for (let i = 0; i < pairs.length; i += 2) draft.headers.push(cased(pairs[i]), pairs[i + 1]);
}

/** What only a front proxy with a certificate may say. */
function fronted(draft: Draft, dice: Dice): void {
  draft.headers.push('X-Remote-User', dice.pick(['admin', 'alice', 'system:admin']));
  if (dice.chance(0.7)) draft.headers.push('X-Remote-Group', dice.pick(groups));
  if (dice.chance(0.3)) draft.headers.push('X-Remote-Extra-Scopes', 'x');
  if (dice.chance(0.3)) draft.headers.push('X-Remote-Uid', 'x');
}

const beside: readonly (readonly [name: string, value: string])[] = [
  ['X-Forwarded-For', '127.0.0.1'],
  ['X-Forwarded-Host', 'elsewhere'],
  ['Forwarded', 'for=127.0.0.1'],
  ['X-Original-URL', '/api/v1/nodes'],
  ['X-Rewrite-URL', '/api/v1/nodes'],
  ['X-HTTP-Method-Override', 'DELETE'],
  ['X-Real-Ip', '127.0.0.1'],
  ['Cookie', 'token=admin-token'],
  ['Proxy-Authorization', `Bearer ${tokens.admin}`],
  ['Origin', 'https://elsewhere.example'],
  ['Range', 'bytes=0-10'],
  ['If-None-Match', '*'],
  ['Cache-Control', 'only-if-cached'],
  ['Content-Type', 'application/x-www-form-urlencoded'],
];

function tokenProtocol(token: string): string {
  const encoded = Buffer.from(token).toString('base64url');
  return `base64url.bearer.authorization.k8s.io.${encoded}`;
}

function overWebSocket(draft: Draft, dice: Dice): void {
  const token = dice.pick([tokens.admin, tokens.alice, tokens.nora, 'garbage', '']);
  const protocols = dice.shuffle([tokenProtocol(token), 'v4.channel.k8s.io']);
  if (dice.chance(0.3)) protocols.push(tokenProtocol(tokens.wanda));
  draft.headers.push('Sec-WebSocket-Protocol', protocols.join(', '));
  if (dice.chance(0.4)) dropHeader(draft, 'authorization');
  if (draft.protocol === 'h2' || dice.chance(0.4)) return;
  draft.headers.push('Connection', 'Upgrade', 'Upgrade', 'websocket');
  draft.headers.push(
    'Sec-WebSocket-Version',
    '13',
    'Sec-WebSocket-Key',
    'AAAAAAAAAAAAAAAAAAAAAA==',
  );
}

export const headerTricks: readonly Trick[] = [
  {
    name: 'two Authorizations',
    weight: 4,
    apply: (draft, dice) => {
      const other = ['Authorization', someAuthorization(dice)];
      draft.headers = dice.chance(0.5)
        ? [...draft.headers, ...other]
        : [...other, ...draft.headers];
    },
  },
  {
    name: 'Authorization spelled otherwise',
    weight: 5,
    apply: (draft, dice) => {
      const value = valueOf(draft, 'authorization');
      if (value !== undefined) setHeader(draft, 'authorization', respelled(value, dice));
    },
  },
  {
    name: 'a header name in another case',
    weight: 1,
    apply: (draft, dice) => {
      const change = dice.chance(0.5) ? 'toUpperCase' : 'toLowerCase';
      draft.headers = draft.headers.map((part, at) => (at % 2 === 0 ? part[change]() : part));
    },
  },
  { name: 'impersonation', weight: 8, apply: impersonation },
  { name: 'X-Remote', weight: 3, apply: fronted },
  {
    name: 'headers beside',
    weight: 2,
    apply: (draft, dice) => {
      draft.headers.push(...dice.pick(beside));
    },
  },
  { name: 'a token as WebSocket protocol', weight: 3, apply: overWebSocket },
  {
    name: 'odd Accept',
    weight: 3,
    apply: (draft, dice) => {
      const { headers } = formOf(dice, dice.pick(['list', 'get', 'watch'] as const), 'broken');
      for (const [name, value] of Object.entries(headers)) {
        dropHeader(draft, name);
        for (const each of [value].flat()) draft.headers.push(name, each.trim());
      }
    },
  },
  {
    name: 'Connection names a harmless header',
    weight: 1,
    apply: (draft, dice) => {
      if (draft.protocol === 'h2') return;
      const named = dice.pick(['keep-alive', 'x-nothing', 'Keep-Alive, X-Nothing', 'close']);
      draft.headers.push('X-Nothing', '1', 'Connection', named);
    },
  },
];
