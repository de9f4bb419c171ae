// Removes credentials from text on its way to the log, whatever field or message they came in.
// Works on the finished line, so that a new field or a careless message cannot go around it.

const REDACTED = '[redacted]';

/** Header and field names whose values are credentials. */
const SECRET_NAMES = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'sec-websocket-protocol',
  'impersonate-extra-[^"]*',
  'x-remote-[^"]*',
  'token',
  'id-token',
  'refresh-token',
  'access-token',
  'bearerToken',
  'password',
  'client-key-data',
  'privateKey',
].join('|');

/** `"authorization":"…"`, and `"Authorization","…"` as raw header pairs are written. */
const NAMED_VALUE = new RegExp(`("(?:${SECRET_NAMES})"\\s*[:,]\\s*)"(?:[^"\\\\]|\\\\.)*"`, 'gi');

/** The same with a list of values: `"cookie":["a","b"]`. */
const NAMED_LIST = new RegExp(`("(?:${SECRET_NAMES})"\\s*:\\s*)\\[[^\\]]*\\]`, 'gi');

const SCHEME_AND_CREDENTIAL = /\b(Bearer|Basic|Negotiate)\s+[^\s"'\\,;]+/gi;

/** How kubectl and browsers carry a token in a WebSocket handshake. */
const WEBSOCKET_TOKEN = /base64url\.bearer\.authorization\.k8s\.io\.[A-Za-z0-9_=-]+/g;

/** Anything that begins like a JSON Web Token: `eyJ` is `{"` in base64. */
const JSON_WEB_TOKEN = /eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,2}/g;

const PEM_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/gs;

/** The same line without credentials; JSON stays JSON. */
export function redact(line: string): string {
  return line
    .replace(PEM_KEY, REDACTED)
    .replace(NAMED_VALUE, `$1"${REDACTED}"`)
    .replace(NAMED_LIST, `$1"${REDACTED}"`)
    .replace(WEBSOCKET_TOKEN, REDACTED)
    .replace(SCHEME_AND_CREDENTIAL, `$1 ${REDACTED}`)
    .replace(JSON_WEB_TOKEN, REDACTED);
}
