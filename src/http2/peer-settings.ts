/** What the SETTINGS of a peer say (RFC 9113 6.5.2), as far as anything depends on it. */

import {
  ConnectionError,
  ErrorCode,
  MAX_FRAME_BYTES,
  MAX_WINDOW_BYTES,
  Setting,
  wrong,
  wrongSize,
} from './frame.ts';

export interface PeerSettings {
  /** What may be sent on each stream; undefined when it stays as it was. */
  readonly initialWindow: number | undefined;
  /** It keeps another table for our heads than before. */
  readonly tableChanged: boolean;
}

const PAIR_BYTES = 6;

/** @throws ConnectionError for what no peer may say. */
export function readSettings(payload: Buffer): PeerSettings {
  if (payload.length % PAIR_BYTES !== 0) throw wrongSize('SETTINGS');
  let initialWindow: number | undefined;
  let tableChanged = false;
  for (let at = 0; at < payload.length; at += PAIR_BYTES) {
    const setting = payload.readUInt16BE(at);
    const value = payload.readUInt32BE(at + 2);
    check(setting, value);
    if (setting === Setting.initialWindowSize) initialWindow = value;
    if (setting === Setting.headerTableSize) tableChanged = true;
  }
  return { initialWindow, tableChanged };
}

function check(setting: number, value: number): void {
  if (setting === Setting.enablePush && value > 1) throw wrong('ENABLE_PUSH');
  if (setting === Setting.maxFrameSize && (value < MAX_FRAME_BYTES || value >= 2 ** 24)) {
    throw wrong('MAX_FRAME_SIZE');
  }
  if (setting === Setting.initialWindowSize && value > MAX_WINDOW_BYTES) {
    throw new ConnectionError(ErrorCode.flowControlError, 'INITIAL_WINDOW_SIZE');
  }
}
