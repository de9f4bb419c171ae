import { describe, expect, test } from 'vitest';
import { lastLine, sumsOf } from '../run.ts';

describe('the last line of a test run', () => {
  test('names skipped tests only when there are some', () => {
    expect(lastLine({ passed: 3, failed: 0, skipped: 0 })).toBe('3 passed, 0 failed');
    expect(lastLine({ passed: 3, failed: 1, skipped: 2 })).toBe('3 passed, 1 failed, 2 skipped');
  });

  test('adds up what vitest reports', () => {
    const report = {
      numPassedTests: 5,
      numFailedTests: 1,
      numPendingTests: 2,
      numTodoTests: 1,
      testResults: [{ status: 'failed', assertionResults: [{ status: 'failed' }] }],
    };
    expect(sumsOf(report)).toEqual({ passed: 5, failed: 1, skipped: 3 });
  });

  test('counts a file that could not be loaded as a failure', () => {
    const report = {
      numPassedTests: 5,
      numFailedTests: 0,
      numPendingTests: 0,
      numTodoTests: 0,
      testResults: [{ status: 'failed', assertionResults: [] }],
    };
    expect(sumsOf(report)).toEqual({ passed: 5, failed: 1, skipped: 0 });
  });
});
