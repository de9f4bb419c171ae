import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { HEAD, configFile, refused, served } from './support.ts';

const tokensOnly = configFile(`${HEAD}auth: { tokenAudiences: [watershed] }\n`);

describe('defaults', () => {
  test('durations are milliseconds and quantities are bytes', () => {
    const config = served();
    expect(config.window).toEqual({
      durationMs: 300_000,
      maxBytesPerLane: 536_870_912,
      minEvents: 1_024,
      totalMaxBytes: 2_147_483_648,
    });
    expect(config.freshness).toEqual({
      barrierTimeoutMs: 3_000,
      waitForEventsMs: 100,
      validateMaxObjects: 100_000,
    });
    expect(config.serving.bindAddress).toBe('0.0.0.0');
    expect(config.serving.securePort).toBe(8_443);
    expect(config.admin.bind).toBe('127.0.0.1:9095');
    expect(config.resources.secrets).toBe(false);
    expect(config.lanes.bridgeUpstreamExpiry).toBe(false);
  });

  test('the certificate folder lies in the home folder', () => {
    expect(served().serving.certDirectory).toBe('/home/ops/.watershed/certs');
  });

  test('a configuration cannot be changed', () => {
    const config = served();
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.window)).toBe(true);
  });
});

describe('precedence', () => {
  const file = configFile(`${HEAD}serving: { securePort: 1000 }\nlog: { verbosity: 2 }\n`);

  function sourceOf(path: string, ...words: readonly string[]): string | undefined {
    return served(...words).effective.find((row) => row.path === path)?.source;
  }

  test('a flag wins over the file and the file over the default', () => {
    const config = served('--config', file, '--secure-port=2000');
    expect(config.serving.securePort).toBe(2_000);
    expect(config.log.verbosity).toBe(2);
    expect(config.log.format).toBe('json');
  });

  test('each value remembers where it came from', () => {
    const words = ['--config', file, '--secure-port=2000'];
    expect(sourceOf('serving.securePort', ...words)).toBe('flag');
    expect(sourceOf('log.verbosity', ...words)).toBe('file');
    expect(sourceOf('log.format', ...words)).toBe('default');
  });

  test('the last of a repeated flag counts', () => {
    expect(served('--v=1', '--v=4').log.verbosity).toBe(4);
  });
});

describe('flags', () => {
  test.each([['-v', '3'], ['-v=3'], ['-v3'], ['--v', '3'], ['--v=3']])(
    'verbosity may be written as %s %s',
    (...words) => {
      expect(served(...words.filter((word) => word !== undefined)).log.verbosity).toBe(3);
    },
  );

  test.each([
    [
      ['--secure-port', 'abc'],
      '--secure-port: "abc" is not accepted; write a whole number from 0 to 65535',
    ],
    [
      ['--secure-port', '70000'],
      '--secure-port: 70000 is out of range; write a whole number from 0 to 65535',
    ],
    [['--secure-port'], '--secure-port: needs a value; write a whole number from 0 to 65535'],
    [['--context', '--v=2'], '--context: needs a value; write a string'],
    [
      ['--bind-address', 'localhost'],
      '--bind-address: "localhost" is not accepted; write an IP address such as 0.0.0.0, 127.0.0.1 or ::',
    ],
    [
      ['--bind-address', '300.1.1.1'],
      '--bind-address: "300.1.1.1" is not accepted; write an IP address such as 0.0.0.0, 127.0.0.1 or ::',
    ],
    [
      ['--admin-bind', '9095'],
      '--admin-bind: "9095" is not accepted; write an address and port such as 127.0.0.1:9095 or [::1]:9095',
    ],
    [
      ['--admin-bind', '127.0.0.1:99999'],
      '--admin-bind: "127.0.0.1:99999" is not accepted; write an address and port such as 127.0.0.1:9095 or [::1]:9095',
    ],
    [['--log-format', 'xml'], '--log-format: "xml" is not accepted; write one of json, text'],
    [['--secure-prot', '1'], '--secure-prot: unknown flag; did you mean --secure-port?'],
    [['--nonsense-entirely'], '--nonsense-entirely: unknown flag'],
    [['extra'], 'extra: unexpected argument'],
    [
      ['--tls-cert-file', 'c.pem'],
      'serving.tlsPrivateKeyFile: missing; write the key that belongs to serving.tlsCertFile',
    ],
    [
      ['--client-ca-file', 'ca.crt', '--authorization-kubeconfig', 'r.yaml'],
      'upstream.impersonatorKubeconfig: missing; write the kubeconfig that serving.clientCaFile needs',
    ],
    [
      ['--config', tokensOnly, '--impersonation-kubeconfig', 'i.yaml'],
      'upstream.reviewerKubeconfig: missing; write the kubeconfig that auth.tokenAudiences needs',
    ],
    [
      ['--authorization-kubeconfig', 'r.yaml'],
      'upstream.reviewerKubeconfig: of no use without serving.clientCaFile or auth.tokenAudiences; write both or none',
    ],
    [
      ['--tls-private-key-file', 'k.pem'],
      'serving.tlsCertFile: missing; write the certificate that belongs to serving.tlsPrivateKeyFile',
    ],
    [
      ['--admin-bind=127.0.0.1:8443'],
      'admin.bind: same port as serving.securePort; write another one',
    ],
  ])('%j is refused', (words, line) => {
    expect(refused('serve', ...words)).toEqual([line]);
  });

  test('every mistake is reported at once', () => {
    expect(refused('serve', '--v=x', '--secure-port=y', 'z')).toHaveLength(3);
  });
});

describe('commands', () => {
  test('an unknown command is refused with the nearest one', () => {
    expect(refused('sevre')).toEqual(['sevre: unknown command; did you mean serve?']);
    expect(refused('frobnicate')).toEqual(['frobnicate: unknown command; see watershed help']);
  });

  test('simulate takes its own flags only', () => {
    const loaded = loadConfig(
      ['simulate', '--nodes=3', '--lease-period', '1s', '--port=0', '--cert-dir=w/simulator'],
      {},
    );
    expect(loaded).toEqual({
      kind: 'run',
      command: 'simulate',
      config: {
        nodes: 3,
        podsPerNode: 10,
        podsReplacedPerSecond: 1,
        leasePeriodMs: 1_000,
        seed: 1,
        certDirectory: 'w/simulator',
        bindAddress: '127.0.0.1',
        port: 0,
        kubeconfig: 'simulated.kubeconfig',
      },
    });
    expect(refused('simulate', '--secure-port=1')).toEqual(['--secure-port: unknown flag']);
    expect(refused('simulate', '--nodes=0')).toEqual([
      '--nodes: 0 is out of range; write a whole number from 1 to 100000',
    ]);
  });

  test('version is asked for as a command or a flag', () => {
    expect(loadConfig(['version'], {})).toEqual({ kind: 'version' });
    expect(loadConfig(['--version'], {})).toEqual({ kind: 'version' });
  });
});

describe('paths', () => {
  test('paths in the file are taken from its folder, paths in flags are not', () => {
    const file = configFile(
      `${HEAD}upstream: { kubeconfig: conf/kube }\nserving: { certDirectory: ~/c }\n`,
    );
    const config = served('--config', file);
    expect(config.upstream.kubeconfig).toBe(join(dirname(file), 'conf/kube'));
    expect(config.serving.certDirectory).toBe('/home/ops/c');
    expect(served('--kubeconfig=conf/kube').upstream.kubeconfig).toBe('conf/kube');
  });
});
