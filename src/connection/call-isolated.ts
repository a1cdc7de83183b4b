/**
 * Run code of the application that must not interrupt ours: what it throws is its own and surfaces
 * as an uncaught exception, but in a call of its own.
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
