// The kubelet program (main.go says what it does), built and cached like the control plane.

import { join } from 'node:path';
import { buildGoProgram } from '../../conformance/control-plane/go-build.ts';

/** The path of the executable. */
export async function kubeletBinary(): Promise<string> {
  const program = { name: 'kubelet', directory: import.meta.dirname };
  return join(await buildGoProgram(program), program.name);
}
