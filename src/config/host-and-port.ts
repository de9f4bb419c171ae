// `host:port` as operators write it, taken apart for listeners.

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

const HOST_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/;

const BYTE = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const IPV4 = new RegExp(`^${BYTE}(?:\\.${BYTE}){3}$`);

/** URLs know IPv6, without the network modules that configuration may not touch. */
function isIpv6(text: string): boolean {
  return text.includes(':') && URL.canParse(`http://[${text}]`);
}

export function isAddress(text: string): boolean {
  return IPV4.test(text) || isIpv6(text);
}

/** A DNS name or an IP address. */
export function isHost(text: string): boolean {
  return isAddress(text) || HOST_NAME.test(text);
}

/** `127.0.0.1:9095`, `localhost:0` or `[::1]:9095`; undefined for anything else. */
export function splitHostAndPort(text: string): HostAndPort | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[3]) > 65_535) return undefined;
  const [, address, name] = match;
  if (address !== undefined && !isIpv6(address)) return undefined;
  if (name !== undefined && !HOST_NAME.test(name)) return undefined;
  return { host: address ?? name, port: Number(match[3]) };
}
