// The long form: `npm run history -- --minutes 30 --seed 7`. Exit code 1 when a property was broken.

import { parseArgs } from 'node:util';
import { reportText, runCampaign } from './campaign.ts';

const seeds = 1_000_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string' },
    watchers: { type: 'string', default: '40' },
    listers: { type: 'string', default: '8' },
  },
});

const seed = Number(values.seed ?? Math.floor(Math.random() * seeds));
const report = await runCampaign({
  durationMs: Number(values.minutes) * 60_000,
  seed,
  roundMs: 120_000,
  watchersPerProxy: Number(values.watchers),
  listersPerProxy: Number(values.listers),
  log: (line) => console.log(line),
});
console.log(reportText(report));
process.exit(report.violationCount === 0 ? 0 : 1);
