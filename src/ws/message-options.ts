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

/** The options of `send`, as programs without types pass them. */
type Given = SendOptions | null | undefined;

/** The options of ws's `send` as the sender has them; `undefined` where they change nothing. */
export function messageOptions(
  data: unknown,
  options: Given,
  droppable: boolean,
): MessageOptions | undefined {
  const binary = goesAsBinary(data, options);
  const kind = binary === isBinary(data) ? 0 : binary ? 4 : 8;
  const isPlain = !valueOf(options, 'compress', true);
  return OPTIONS[kind + (isPlain ? 2 : 0) + (droppable ? 1 : 0)];
}

/** Whether a message goes as Binary. */
export function goesAsBinary(data: unknown, options: Given): boolean {
  return valueOf(options, 'binary', isBinary(data));
}

/** Whether a message is whole, or its last part. */
export function endsMessage(options: Given): boolean {
  return valueOf(options, 'fin', true);
}

/** An option that is there and `undefined` is off, as in ws; options that are not an object have none. */
function valueOf(
  options: unknown,
  name: 'binary' | 'compress' | 'fin',
  otherwise: boolean,
): boolean {
  if (typeof options !== 'object' || options === null || !(name in options)) return otherwise;
  return Boolean((options as SendOptions)[name]);
}

function isBinary(data: unknown): boolean {
  return typeof data !== 'string';
}
