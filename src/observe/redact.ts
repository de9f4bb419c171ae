// Removes credentials from text on its way to the log, whatever field or message they came in.
// Works on the finished line, so that a new field or a careless message cannot go around it. JSON stays
// JSON. What is not text (errors, bytes, whole objects) was reduced before: loggable.ts.

export const REDACTED = '[redacted]';

/** Names of headers whose values are credentials, or say who a caller is said to be. */
const SECRET_HEADERS = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'sec-websocket-protocol',
  'impersonate-extra-[^\\s"\\\\:=]*',
  'x-remote-[^\\s"\\\\:=]*',
];

const SECRET_NAMES = [
  ...SECRET_HEADERS,
  'token',
  '(?:id|refresh|access)[-_]token',
  'bearerToken',
  'password',
  'client[-_]secret',
  'client-key-data',
  'clientKeyData',
  'privateKey',
].join('|');

const SECRET_NAME = new RegExp(`^(?:${SECRET_NAMES})$`, 'i');

/** Where a word begins; behind an escaped line end there is a letter. */
const BEGIN = '(?:\\b|(?<=\\\\[nrt]))';

const TEXT = '"(?:[^"\\\\]|\\\\.)*"';

/** `"authorization":"…"`, and `"Authorization","…"` as raw header pairs are written. */
const NAMED_VALUE = new RegExp(`("(?:${SECRET_NAMES})"\\s*[:,]\\s*)${TEXT}`, 'gi');

/** The same with a list of values: `"cookie":["a","b"]`. */
const NAMED_LIST = new RegExp(`("(?:${SECRET_NAMES})"\\s*:\\s*)\\[(?:${TEXT}|[^"\\]])*\\]`, 'gi');

/**
 * The same as JSON inside of text, where quotes are escaped, once or more often: the value ends at the next quote that
 * is escaped as often, or with the text when it was cut off.
 */
const QUOTED_VALUE = new RegExp(
  `(?<!\\\\)(\\\\+)("(?:${SECRET_NAMES})\\1"\\s*[:,]\\s*\\1")(?:[^"]|(?<=\\\\)")*?((?<!\\\\)\\1"|(?=(?<!\\\\)")|$)`,
  'gi',
);

/** `Authorization: …` to the end of its line, as in the head of a request. */
const HEADER_LINE = new RegExp(
  `${BEGIN}(${SECRET_HEADERS.join('|')})(\\s*[:=]\\s*)[^\\s"\\\\][^"\\\\]*`,
  'gi',
);

const ASSIGNED = new RegExp(
  `${BEGIN}((?:(?:id|access|refresh)[-_])?token|password|client[-_]secret)=[^\\s"&\\\\]+`,
  'gi',
);

const SCHEME_AND_CREDENTIAL = new RegExp(`${BEGIN}(Bearer|Basic|Negotiate)\\s+[^\\s"\\\\]+`, 'gi');

/** How kubectl and browsers carry a token in a WebSocket handshake. */
const WEBSOCKET_TOKEN = /base64url\.bearer\.authorization\.k8s\.io\.[A-Za-z0-9_=-]+/g;

/** Anything that begins like a JSON Web Token: `eyJ` is `{"` in base64. */
const JSON_WEB_TOKEN = /eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,2}/g;

const PEM_KEY =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[^"]*?(?:-----END [A-Z ]*PRIVATE KEY-----|(?=")|$)/g;

/** Queries name labels, fields and now and then a token: of a URL or target, only the path is written. */
const QUERY = /(?<=\/[^\s"?\\]*)\?[^\s"\\]+/g;

const USER_OF_URL = /(?<=:\/\/)[^\s"/@\\]+@/g;

/** Whether what stands under this name is a credential. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/** The same line without credentials; JSON stays JSON. */
export function redact(line: string): string {
  return line
    .replace(PEM_KEY, REDACTED)
    .replace(NAMED_VALUE, `$1"${REDACTED}"`)
    .replace(NAMED_LIST, `$1"${REDACTED}"`)
    .replace(QUOTED_VALUE, `$1$2${REDACTED}$3`)
    .replace(WEBSOCKET_TOKEN, REDACTED)
    .replace(SCHEME_AND_CREDENTIAL, `$1 ${REDACTED}`)
    .replace(HEADER_LINE, `$1$2${REDACTED}`)
    .replace(QUERY, `?${REDACTED}`)
    .replace(ASSIGNED, `$1=${REDACTED}`)
    .replace(USER_OF_URL, `${REDACTED}@`)
    .replace(JSON_WEB_TOKEN, REDACTED);
}
