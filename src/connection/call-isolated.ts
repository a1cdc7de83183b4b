/**
 * Call code of the application that must not interrupt the caller, a listener for example. If it
 * throws, its error is rethrown in the next tick, as an uncaught exception.
 */
export function callIsolated(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}
