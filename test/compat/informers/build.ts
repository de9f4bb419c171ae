// The informers program (main.go says what it does), built and cached like the control plane.
// `node test/compat/informers/build.ts` builds it ahead and prints its path.

import { join } from 'node:path';
import { buildGoProgram } from '../../conformance/control-plane/go-build.ts';
import type { BuildOptions } from '../../conformance/control-plane/go-build.ts';

/** The path of the executable. */
export async function informersBinary(options: BuildOptions = {}): Promise<string> {
  const program = { name: 'informers', directory: import.meta.dirname };
  return join(await buildGoProgram(program, options), program.name);
}

if (process.argv[1] === import.meta.filename) {
  console.log(await informersBinary());
}
