import { describe, expect, test } from 'vitest';
import * as status from '../../src/k8s/status.ts';

// Most builders are compared with upstream's constructors in upstream-vectors.test.ts.
describe('status', () => {
  test('a body is one line of JSON in upstream’s key order', () => {
    expect(status.tooLargeResourceVersion(1000, 900).body.toString()).toBe(
      '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",' +
        '"message":"Timeout: Too large resource version: 1000, current: 900","reason":"Timeout",' +
        '"details":{"causes":[{"reason":"ResourceVersionTooLarge","message":"Too large resource version"}],' +
        '"retryAfterSeconds":1},"code":504}\n',
    );
  });

  test('an error event is the body inside a watch line', () => {
    expect(status.errorEvent(status.expiredWatch(1, 5)).toString()).toBe(
      '{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",' +
        '"message":"too old resource version: 1 (5)","reason":"Expired","code":410}}\n',
    );
  });

  test('an expired page hands out the token to go on with', () => {
    const body = JSON.parse(status.expiredContinue('abc').body.toString());
    expect(body).toMatchObject({ metadata: { continue: 'abc' }, reason: 'Expired', code: 410 });
    expect(body.message).toMatch(/^The provided continue parameter is too old .* in the list\.$/);
    expect(status.expiredList().body.toString()).toContain('"metadata":{},');
  });

  test('a path that names nothing is 404 with empty details', () => {
    expect(status.notFoundPath().body.toString()).toContain('"details":{},"code":404');
  });

  test('a retry hint is in the body and beside it', () => {
    expect(status.tooManyRequests('x', 7).retryAfterSeconds).toBe(7);
    expect(status.serviceUnavailable('x', 2)).toMatchObject({ code: 503, retryAfterSeconds: 2 });
    expect(status.serviceUnavailable('x', 2).body.toString()).toContain('"retryAfterSeconds":2');
    expect(status.serviceUnavailable('x').retryAfterSeconds).toBeUndefined();
    expect(status.timeout('x').body.toString()).toContain('"details":{},');
  });
});
