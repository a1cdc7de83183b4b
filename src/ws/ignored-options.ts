/** The options of ws, of a server and of a client, that have no effect. See `docs/ws.md`. */
export interface IgnoredOptions {
  readonly allowSynchronousEvents?: boolean | undefined;
  readonly maxBufferedChunks?: number | undefined;
  readonly maxFragments?: number | undefined;
  readonly maxPendingAutoPongs?: number | undefined;
  readonly skipUTF8Validation?: boolean | undefined;
}
