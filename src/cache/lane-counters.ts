/** Plain numbers about what readers took from one lane; written where it happens, read at scrape time, never reset. */
export class LaneCounters {
  eventsSent = 0;
  bookmarksSent = 0;
  watchBytesSent = 0;
  listBytesSent = 0;
  lists = 0;
  /** Objects looked at for lists, and those that were sent. */
  listObjectsRead = 0;
  listObjectsSent = 0;
  /** Lists broken off because the window moved past them. */
  listsExpired = 0;
  /** Complete lists taken from upstream, the first and every relist, and how long they took. */
  loads = 0;
  loadMs = 0;
}
