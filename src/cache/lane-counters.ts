/** Plain numbers about what readers took from one lane; written where it happens, read at scrape time, never reset. */
export class LaneCounters {
  eventsSent = 0;
  bookmarksSent = 0;
  /** Of watches and lists. */
  bytesSent = 0;
  lists = 0;
  /** Objects looked at for lists, and those that were sent. */
  listObjectsRead = 0;
  listObjectsSent = 0;
  /** Lists broken off because the window moved past them. */
  listsExpired = 0;
}
