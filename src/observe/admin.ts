// The admin listener: metrics, health, status page, flags. Plain HTTP for operators and the kubelet,
// on loopback unless configured otherwise; it knows nobody, so it shows no object, no credential and
// changes nothing. Client traffic never comes here.

import { fastify } from 'fastify';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { answerHealth, answerHealthCheck } from './health.ts';
import type { HealthAnswer, HealthCheck, HealthEndpoint } from './health.ts';
import type { Logger } from './log.ts';
import { STATUS_PAGE, STATUS_PAGE_POLICY } from './status-page.ts';
import type { ReadStatus } from './status.ts';

const TEXT = 'text/plain; charset=utf-8';
/** No answer here takes long and no request has a body. */
const REQUEST_TIMEOUT_MS = 10_000;
const MAX_BODY_BYTES = 1_024;
/** Enough for every scraper and a few browsers; more wait in the kernel. */
const MAX_CONNECTIONS = 256;

const FLAGZ_HEAD =
  'watershed flagz\nWarning: This endpoint is not meant to be machine parseable, has no formatting ' +
  'compatibility guarantees and is for debugging purposes only.\n\n';

export interface AdminSettings {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly status: ReadStatus;
  readonly metrics: { readonly contentType: string; render(): Promise<string> };
  readonly checks: readonly HealthCheck[];
  /** Effective configuration; shown as `path=value (source)`. */
  readonly flags: readonly {
    readonly path: string;
    readonly value: string;
    readonly source: string;
  }[];
  readonly logger: Logger;
}

export interface AdminListener {
  /** `http://127.0.0.1:9095` */
  readonly address: string;
  close(): Promise<void>;
}

/** Listens; rejects when the address cannot be had. */
export async function startAdmin(settings: AdminSettings): Promise<AdminListener> {
  const server = fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
  });
  server.server.maxConnections = MAX_CONNECTIONS;
  addHealth(server, settings);
  addViews(server, settings);
  server.setNotFoundHandler((_request, reply) => sendText(reply, 404, '404 page not found\n'));
  server.setErrorHandler((error, _request, reply) => {
    settings.logger.error({ err: error }, 'Failed to answer on the admin listener');
    return sendText(reply, 500, 'internal server error\n');
  });
  const address = await server.listen({ host: settings.host, port: settings.port });
  return { address, close: () => server.close() };
}

function addHealth(server: FastifyInstance, { checks, logger }: AdminSettings): void {
  const send = (endpoint: HealthEndpoint, answer: HealthAnswer, reply: FastifyReply) => {
    if (answer.failures.length > 0) {
      logger.debug({ endpoint, failures: answer.failures }, 'Health check failed');
    }
    return sendText(reply, answer.code, answer.body);
  };
  for (const endpoint of ['livez', 'readyz', 'healthz'] as const) {
    server.get(`/${endpoint}`, (request, reply) => {
      const query = new URL(request.url, 'http://admin').searchParams;
      return send(endpoint, answerHealth(endpoint, checks, query), reply);
    });
    server.get<{ Params: { name: string } }>(`/${endpoint}/:name`, (request, reply) =>
      send(endpoint, answerHealthCheck(endpoint, checks, request.params.name), reply),
    );
  }
}

function addViews(server: FastifyInstance, { status, metrics, flags }: AdminSettings): void {
  server.get('/', (_request, reply) =>
    reply
      .header('content-type', 'text/html; charset=utf-8')
      .header('content-security-policy', STATUS_PAGE_POLICY)
      .header('x-content-type-options', 'nosniff')
      .header('cache-control', 'no-store')
      .send(STATUS_PAGE),
  );
  server.get('/status.json', (_request, reply) =>
    reply.header('cache-control', 'no-store').send(status()),
  );
  server.get('/metrics', async (_request, reply) =>
    reply.header('content-type', metrics.contentType).send(await metrics.render()),
  );
  server.get('/flagz', (_request, reply) => {
    const lines = flags.map(({ path, value, source }) => `${path}=${value} (${source})\n`);
    return sendText(reply, 200, FLAGZ_HEAD + lines.join(''));
  });
}

function sendText(reply: FastifyReply, code: number, body: string): FastifyReply {
  return reply
    .code(code)
    .header('content-type', TEXT)
    .header('x-content-type-options', 'nosniff')
    .send(body);
}
