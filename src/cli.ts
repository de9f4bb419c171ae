// The command line: argv -> configuration -> a running proxy or simulator -> signals -> exit code.
// The only place that exits the process. The parts are imported when they are needed, so that
// `watershed help` starts nothing. 0: all is well, 1: it could not run, 2: wrong usage.

import { loadConfig } from './config/load.ts';
import type { SimulateConfig } from './config/load.ts';
import type { Config } from './config/config.ts';
import { programVersion } from './config/version.ts';
import { untilSignal } from './cli/signals.ts';
import { redact } from './observe/redact.ts';

const FAILURE = 1;

/** Runs a command; resolves when it is over, having set the exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  const loaded = loadConfig(argv, process.env);
  switch (loaded.kind) {
    case 'print':
      (loaded.code === 0 ? process.stdout : process.stderr).write(loaded.text);
      process.exitCode = loaded.code;
      return;
    case 'version':
      process.stdout.write(`watershed ${programVersion()} (Node.js ${process.version})\n`);
      return;
    case 'run':
      if (loaded.command === 'serve') await runServe(loaded.config);
      else await runSimulate(loaded.config);
  }
}

async function runServe(config: Config): Promise<void> {
  const [{ createLog }, { serve }] = await Promise.all([
    import('./observe/log.ts'),
    import('./main.ts'),
  ]);
  const { logger, flush } = createLog(config.log);
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'Stopped because of a fault of its own');
    flush();
    process.exit(FAILURE);
  });
  const changed = config.effective.filter(({ source }) => source !== 'default');
  const settings = Object.fromEntries(changed.map(({ path, value }) => [path, value]));
  logger.info({ version: programVersion(), node: process.version, settings }, 'Started');
  const asked = untilSignal();
  const running = await serve(config, logger).catch((error: Error) => {
    flush();
    fail(error);
  });
  const { address, adminAddress } = running;
  logger.info({ address, adminAddress }, 'Serving');
  const signal = await asked;
  logger.info({ signal }, 'Stopping');
  await running.stop();
  logger.info('Stopped');
  flush();
  process.exit(0);
}

async function runSimulate(config: SimulateConfig): Promise<void> {
  const { simulate } = await import('./cli/simulate.ts');
  const asked = untilSignal();
  try {
    const running = await simulate(config);
    process.stdout.write(running.greeting);
    await asked;
    await running.stop();
    process.exit(0);
  } catch (error) {
    fail(error as Error);
  }
}

/** What a person must change is in the message; a stack would bury it. */
function fail(error: Error): never {
  process.stderr.write(`watershed: ${redact(error.message)}\n`);
  process.exit(FAILURE);
}

if (import.meta.main) await main(process.argv.slice(2));
