import { describe, expect, test } from 'vitest';
import { isAddress, isHost, splitHostAndPort } from '../../src/config/host-and-port.ts';

describe('addresses', () => {
  test.each(['0.0.0.0', '127.0.0.1', '255.255.255.255', '::', '::1', 'fe80::1', '::ffff:10.0.0.1'])(
    '%s is one',
    (text) => {
      expect(isAddress(text)).toBe(true);
      expect(isHost(text)).toBe(true);
    },
  );

  test.each([
    '',
    '256.0.0.1',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    ':::',
    '[::1]',
    '::1]',
    'fe80::1%eth0',
    'a:b',
  ])('%j is none', (text) => {
    expect(isAddress(text)).toBe(false);
  });

  test.each(['proxy', 'proxy.example.com', 'a-b.c'])('%s is a host', (text) => {
    expect(isHost(text)).toBe(true);
  });

  test.each(['', '-a', 'a.', 'a b', 'a/b', '*.a'])('%j is no host', (text) => {
    expect(isHost(text)).toBe(false);
  });
});

describe('host and port', () => {
  test.each([
    ['127.0.0.1:9095', { host: '127.0.0.1', port: 9_095 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    ['[::1]:80', { host: '::1', port: 80 }],
  ])('%s is taken apart', (text, parts) => {
    expect(splitHostAndPort(text)).toEqual(parts);
  });

  test.each(['9095', ':9095', '::1:80', '[127.0.0.1]:80', 'a:65536', 'a:', 'a:b', 'a:1:2'])(
    '%j is refused',
    (text) => {
      expect(splitHostAndPort(text)).toBeUndefined();
    },
  );
});
