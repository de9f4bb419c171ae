import { describe, expect, test } from 'vitest';
import { eachOption } from '../../src/config/config.ts';
import { defaultText } from '../../src/config/help.ts';
import { loadConfig } from '../../src/config/load.ts';
import { resolveValue } from '../../src/config/option.ts';
import { options, sectionDocs } from '../../src/config/options.ts';
import { simulateOptions } from '../../src/config/simulate-options.ts';
import { configFile, served } from './support.ts';

function printed(...argv: readonly string[]): { text: string; code: number } {
  const loaded = loadConfig(argv, { HOME: '/home/ops' });
  if (loaded.kind !== 'print') throw new Error(`Expected text, got ${loaded.kind}`);
  return loaded;
}

describe('help', () => {
  test('names every command and is an error only when no command is given', () => {
    expect(printed('help').code).toBe(0);
    expect(printed().code).toBe(2);
    for (const command of ['serve', 'simulate', 'version', 'help']) {
      expect(printed('help').text).toContain(`  ${command}`);
    }
  });

  test.each(['serve', 'simulate'])('of %s is the same in both spellings', (command) => {
    expect(printed('help', command)).toEqual(printed(command, '--help'));
    expect(printed(command, '-h')).toEqual(printed(command, '--help'));
  });

  test('of serve has every flag with its words and its default', () => {
    const { text } = printed('help', 'serve');
    const oneLine = text.replaceAll(/\s+/g, ' ');
    for (const [, option] of eachOption(options)) {
      if (option.flag === undefined) continue;
      expect(text).toContain(`--${option.flag} `);
      expect(oneLine).toContain(option.doc);
      if (option.default !== '') expect(oneLine).toContain(`(default ${defaultText(option)})`);
    }
    expect(text).toContain('-v, --v number');
    expect(text).toContain('--config file');
    expect(text).toContain('--print-config');
  });

  test('fits a terminal of 100 columns', () => {
    for (const command of ['serve', 'simulate']) {
      for (const line of printed('help', command).text.split('\n')) {
        expect(line.length).toBeLessThanOrEqual(100);
      }
    }
  });
});

describe('the printed configuration', () => {
  test('reads back as the same configuration', () => {
    const words = ['--v=2', '--context', 'a "quoted" # context', '--secure-port=0'];
    const file = configFile(printed('serve', ...words, '--print-config').text);
    const again = served('--config', file);
    const first = served(...words);
    expect({ ...again, effective: [] }).toEqual({ ...first, effective: [] });
  });

  test('names the source of each value', () => {
    const { text } = printed('serve', '--v=2', '--print-config');
    expect(text).toContain('  verbosity: 2 # flag\n');
    expect(text).toContain('  duration: 5m # default\n');
  });
});

describe('the option tables', () => {
  test.each([...eachOption(options), ...eachOption(simulateOptions)])(
    '%s has a default that it accepts itself, and a sentence',
    (_path, option) => {
      expect(resolveValue(option, option.default, {}).kind).toBe('value');
      expect(option.doc).toMatch(/^[A-Z].*\.$/);
    },
  );

  test('use each flag once', () => {
    for (const table of [options, simulateOptions]) {
      const flags = [...eachOption(table)].flatMap(([, option]) => option.flag ?? []);
      expect(new Set(flags).size).toBe(flags.length);
    }
  });

  test('every section is explained', () => {
    expect(Object.keys(sectionDocs)).toEqual(Object.keys(options));
  });
});
