// Tricks that the proxy refuses by itself, as somebody on the way could read them in two ways and no
// client needs them (auth.md 4.2). Upstream takes some of them: those differences are explained
// (explained.ts), so these are drawn rarely.

import type { Draft } from './draft.ts';
import { brokenEscape } from './tricks-target.ts';
import type { Trick } from './tricks-target.ts';

function only(protocol: Draft['protocol'], apply: Trick['apply']): Trick['apply'] {
  return (draft, dice) => {
    draft.protocol = protocol;
    apply(draft, dice);
  };
}

export const refusedTricks: readonly Trick[] = [
  {
    name: 'Connection names an identity header',
    weight: 3,
    apply: only('http/1.1', (draft, dice) => {
      const named = ['Authorization', 'impersonate-user', 'Impersonate-Group', 'X-Remote-User'];
      const before = dice.pick(['', 'keep-alive,', 'close,  ']);
      draft.headers.push('Connection', before + dice.pick(named));
    }),
  },
  {
    name: 'underscores',
    weight: 2,
    apply: (draft, dice) => {
      const names = ['Impersonate_User', 'X_Remote_User', 'Impersonate-Extra_x', 'X-Remote_Group'];
      draft.headers.push(dice.pick(names), 'alice');
    },
  },
  {
    name: 'a fragment',
    weight: 2,
    apply: only('http/1.1', (draft, dice) => {
      draft.path += dice.pick(['#', '#/../x', '#?watch=1']);
    }),
  },
  {
    name: 'an absolute target',
    weight: 1,
    apply: only('http/1.1', (draft, dice) => {
      draft.path = dice.pick(['https://localhost', 'http://elsewhere', 'https:']) + draft.path;
    }),
  },
  {
    name: 'bytes that are not ASCII',
    weight: 1,
    apply: only('http/1.1', (draft, dice) => {
      draft.path += dice.pick(['\u00e9', '\u00a0', '\u007f', '\u0001']);
    }),
  },
  {
    name: 'a broken escape over HTTP/2',
    weight: 1,
    apply: only('h2', (draft, dice) => {
      draft.path = brokenEscape(draft.path, dice);
    }),
  },
  {
    name: 'white space around an HTTP/2 header value',
    weight: 3,
    apply: only('h2', (draft, dice) => {
      const at = 1 + 2 * dice.below(Math.max(1, draft.headers.length / 2));
      if (at >= draft.headers.length) return;
      const value = draft.headers[at].trim();
      draft.headers[at] = dice.pick([` ${value}`, `${value} `, `\t${value}`, `${value}\t`]);
    }),
  },
  {
    name: 'a control byte in an HTTP/2 header value',
    weight: 1,
    apply: only('h2', (draft, dice) => {
      draft.headers.push(dice.pick(['x-nothing', 'impersonate-user']), 'alice\u0001');
    }),
  },
];
