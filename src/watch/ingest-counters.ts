/**
 * Plain numbers about one lane's intake. Written by the reflector and its helpers, read at scrape time by whoever shows
 * them; never reset.
 */

export class IngestCounters {
  added = 0;
  modified = 0;
  deleted = 0;
  bookmarks = 0;
  /** ERROR events. */
  errors = 0;
  /** Frames or list bodies that were not legal, or lacked a name or a revision. */
  garbage = 0;
  /** Body bytes of watches and lists. */
  bytes = 0;
  /** Watches opened, the streaming lists among them; each but the first is a reconnect. */
  connects = 0;
  /** Streams that ended for any reason but our own stop. */
  disconnects = 0;
  /** Streams given up because nothing was heard for too long. */
  stalls = 0;
  /** Complete lists taken: the first and every relist. */
  lists = 0;
  /** Items taken from lists, the initial events of streaming lists among them. */
  listed = 0;
  /** Attempts that failed and were followed by a wait. */
  failures = 0;
  /** Clock milliseconds of the last event or bookmark; -1 before the first. */
  lastEventAtMs = -1;
  /** Clock milliseconds when the current stream was opened; -1 while there is none. */
  connectedAtMs = -1;
  /** Why the last attempt or stream failed; '' when none did. */
  lastError = '';
}
