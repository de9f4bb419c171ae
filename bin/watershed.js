#!/usr/bin/env node
// Starts src/cli.ts, or what was built from it. Written so that an old Node can still read it and say
// what is missing: undici 8 and the source itself need 22.19.

import { existsSync } from 'node:fs';

const [major, minor] = process.versions.node.split('.').map(Number);

if (major > 22 || (major === 22 && minor >= 19)) {
  const built = new URL('../dist/cli.js', import.meta.url);
  const source = new URL('../src/cli.ts', import.meta.url);
  // A checkout runs its sources, so that a stale build is never run by mistake.
  const program = existsSync(source) ? source : built;
  import(program.href).then(({ main }) => main(process.argv.slice(2)));
} else {
  process.stderr.write(
    `watershed: needs Node.js 22.19 or newer, this is ${process.version}; in a checkout run it with node_modules/.bin/node\n`,
  );
  process.exitCode = 1;
}
