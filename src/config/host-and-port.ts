// `host:port` as operators write it, taken apart for listeners.

import { isIP } from 'node:net';

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

const HOST_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/;

/** A DNS name or an IP address. */
export function isHost(text: string): boolean {
  return isIP(text) !== 0 || HOST_NAME.test(text);
}

/** `127.0.0.1:9095`, `localhost:0` or `[::1]:9095`; undefined for anything else. */
export function splitHostAndPort(text: string): HostAndPort | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[3]) > 65_535) return undefined;
  const [, address, name] = match;
  if (address !== undefined && isIP(address) !== 6) return undefined;
  if (name !== undefined && !HOST_NAME.test(name)) return undefined;
  return { host: address ?? name, port: Number(match[3]) };
}
