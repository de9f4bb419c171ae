/**
 * WATCH: where a watch starts and what it is told first (semantics 4.2 to 4.4).
 *
 * Everything after the head is written within one turn together with joining the collection's
 * listeners, so nothing can be lost or repeated in between.
 */
import { errorEvent, expiredWatch, tooLargeResourceVersion } from '../k8s/status.ts';
import type { Collection } from './collection.ts';
import type { SimulatorOptions } from './options.ts';
import type { ReadOptions } from './read-options.ts';
import type { Response } from './response.ts';
import type { Revisions } from './revisions.ts';
import type { Selection } from './selection.ts';
import type { View } from './media.ts';
import { createView } from './view.ts';
import { Watch } from './watch.ts';
import type { WatchHub } from './watch-hub.ts';

/** kube-apiserver's --min-request-timeout: watches without a timeout last 1 to 2 times this. */
const MIN_DURATION_MS = 1_800_000;

export interface WatchRequest {
  readonly collection: Collection;
  readonly hub: WatchHub;
  readonly revisions: Revisions;
  readonly options: ReadOptions;
  readonly selection: Selection;
  readonly view: View;
  readonly limits: Pick<
    SimulatorOptions,
    'bookmarkMs' | 'freshnessTimeoutMs' | 'maxWatchBacklogBytes'
  >;
}

export async function serveWatch(request: WatchRequest, response: Response): Promise<void> {
  const { collection, revisions, options, limits } = request;
  const { revision = 0, sendInitialEvents } = options;
  // Nobody would tell a watch that starts after its end.
  if (response.ended) return;
  response.head(200);
  response.stream.flushHeaders();
  if (sendInitialEvents === true) {
    if (!(await revisions.waitFor(revision, limits.freshnessTimeoutMs))) {
      const refusal = tooLargeResourceVersion(revision, revisions.current);
      response.stream.end(errorEvent(refusal));
      return;
    }
    if (response.ended) return;
    const current = revisions.current;
    const watch = open(request, response, current);
    watch.initial(collection.snapshot());
    if (options.bookmarks) watch.bookmark(current, true);
    return;
  }
  if (revision === 0) {
    open(request, response, revisions.current);
    return;
  }
  if (revision < collection.window.floor) {
    response.stream.end(errorEvent(expiredWatch(revision, collection.window.floor)));
    return;
  }
  open(request, response, revision).replay(collection.window.after(revision));
}

function open(request: WatchRequest, response: Response, afterRevision: number): Watch {
  const { collection, hub, revisions, options, selection, view, limits } = request;
  return new Watch({
    hub,
    collection,
    selection,
    response,
    afterRevision,
    view: createView(collection.kind, view),
    plain: view === 'object',
    bookmarks: options.bookmarks,
    bookmarkMs: limits.bookmarkMs,
    durationMs:
      options.timeoutSeconds > 0
        ? options.timeoutSeconds * 1000
        : MIN_DURATION_MS * (1 + Math.random()),
    maxBacklogBytes: limits.maxWatchBacklogBytes,
    currentRevision: () => revisions.current,
  });
}
