import type { Logger } from '../index.js';

/** A logger for connections and servers whose news the tool prints itself. */
export const silentLogger: Logger = { warn: () => undefined, error: () => undefined };
