/**
 * The stamp at the end of every event the benches write: who wrote it, its number, and when.
 *
 *   ..."data":{"pad":"xxx","stamp":"03-000000042-0001234567890123"}}}\n
 *                                    ^lane ^number   ^microseconds of the machine's monotonic clock
 *
 * It lies at a fixed distance from the end of the line, so that a watcher can check order and completeness and take the
 * delay without parsing. Numbers of one lane rise by one; lanes let several writers work at once.
 */

export const LANES = 16;
const LANE_DIGITS = 2;
const NUMBER_DIGITS = 9;
const TIME_DIGITS = 16;
export const STAMP_LENGTH = LANE_DIGITS + 1 + NUMBER_DIGITS + 1 + TIME_DIGITS;
/** `"}}}` between the stamp and the newline. */
const AFTER_STAMP = 4;
/** A stamp begins this far before the newline of its line. */
export const STAMP_REACH = STAMP_LENGTH + AFTER_STAMP;

const ZERO = 0x30;
const DASH = 0x2d;

/** Best of some readings: whoever loses the processor between the two clocks reads too little. */
const clockOffsetUs = Math.max(
  ...Array.from({ length: 50 }, () => {
    return Number(process.hrtime.bigint()) / 1000 - performance.now() * 1000;
  }),
);

/** Microseconds of a clock that all processes of this machine share. */
export function nowUs(): number {
  return Math.round(clockOffsetUs + performance.now() * 1000);
}

export function stampText(lane: number, number: number, timeUs: number): string {
  const parts: [number, number][] = [
    [lane, LANE_DIGITS],
    [number, NUMBER_DIGITS],
    [timeUs, TIME_DIGITS],
  ];
  return parts.map(([value, digits]) => String(value).padStart(digits, '0')).join('-');
}

/** Writes a stamp's bytes without making a string. */
export function writeStamp(to: Buffer, at: number, stamp: Stamp): void {
  writeDigits(to, at, LANE_DIGITS, stamp.lane);
  to[at + LANE_DIGITS] = DASH;
  writeDigits(to, at + LANE_DIGITS + 1, NUMBER_DIGITS, stamp.number);
  to[at + LANE_DIGITS + NUMBER_DIGITS + 1] = DASH;
  writeDigits(to, at + LANE_DIGITS + NUMBER_DIGITS + 2, TIME_DIGITS, stamp.timeUs);
}

export interface Stamp {
  readonly lane: number;
  readonly number: number;
  readonly timeUs: number;
}

export function laneAt(bytes: Uint8Array, at: number): number {
  return readDigits(bytes, at, LANE_DIGITS);
}

export function numberAt(bytes: Uint8Array, at: number): number {
  return readDigits(bytes, at + LANE_DIGITS + 1, NUMBER_DIGITS);
}

export function timeUsAt(bytes: Uint8Array, at: number): number {
  return readDigits(bytes, at + LANE_DIGITS + NUMBER_DIGITS + 2, TIME_DIGITS);
}

function readDigits(bytes: Uint8Array, at: number, digits: number): number {
  let value = 0;
  for (let i = 0; i < digits; i++) value = value * 10 + bytes[at + i] - ZERO;
  return value;
}

function writeDigits(to: Buffer, at: number, digits: number, value: number): void {
  for (let i = digits - 1; i >= 0; i--) {
    const rest = Math.floor(value / 10);
    to[at + i] = ZERO + value - rest * 10;
    value = rest;
  }
}
