import type { MessageOptions } from '../connection/send/send-options.js';
import type { SendOptions } from './web-socket-events.js';

/** The options of a message by {@link messageOptions}: an object for each call would cost more than the call. */
const OPTIONS: readonly (MessageOptions | undefined)[] = [undefined, true, false].flatMap(
  (binary) =>
    [undefined, false].flatMap((compress) =>
      [false, true].map((droppable) => {
        if (binary === undefined && compress === undefined && !droppable) return undefined;
        return {
          ...(binary === undefined ? {} : { binary }),
          ...(compress === undefined ? {} : { compress }),
          droppable,
        };
      }),
    ),
);

/** The options of ws's `send` as the sender has them; `undefined` where they change nothing. */
export function messageOptions(
  data: unknown,
  options: SendOptions | undefined,
  droppable: boolean,
): MessageOptions | undefined {
  const { binary, compress } = options ?? {};
  const isDefault = binary === undefined || binary === (typeof data !== 'string');
  const kind = isDefault ? 0 : binary ? 4 : 8;
  return OPTIONS[kind + (compress === false ? 2 : 0) + (droppable ? 1 : 0)];
}
