import type { WebSocketConnection } from '../../connection/connection.js';
import { checkName } from '../../connection/names.js';
import {
  PUBLISHED_RULES,
  SEND_ADVICE,
  type SendOptions,
} from '../../connection/send/send-options.js';
import { isBoolean, checkOptions, type Rules } from '../../protocol/option-checks.js';
import type { Data } from '../../protocol/framing/prepared-message.js';
import { connectionsIn, CONNECTIONS_RULE } from '../broadcast.js';
import { Publication } from './publication.js';

/** Options of `publish`. */
export interface PublishOptions<Context> extends Omit<SendOptions, 'transfer'> {
  /** One connection or several that do not get the message. @default none */
  readonly except?: WebSocketConnection<Context> | Iterable<WebSocketConnection<Context>>;
  /** Whether the message may be dropped for a slow peer where `slowConsumer` is `'drop'`; never with a `key`. @default true */
  readonly droppable?: boolean;
  /**
   * Keep the message as the latest of its `key`, which must be given, for connections that subscribe later.
   * A message with the same key that is published without it makes the server forget what it kept.
   * @default false
   */
  readonly retain?: boolean;
}

const PUBLISH_RULES: Rules<PublishOptions<unknown>> = {
  ...PUBLISHED_RULES,
  except: CONNECTIONS_RULE,
  retain: isBoolean,
};

/**
 * Check a call of `publish`.
 *
 * @throws TypeError, RangeError for arguments that are wrong.
 */
export function toPublication<Context>(
  topic: string,
  data: Data,
  options: PublishOptions<Context> | undefined,
): Publication<Context> {
  checkName('publish', 'topic', topic);
  if (options !== undefined) checkOptions('publish', options, PUBLISH_RULES, '', SEND_ADVICE);
  const { binary, compress, key, except, droppable = true, retain = false } = options ?? {};
  if (key !== undefined) checkName('publish', 'key', key);
  else if (retain) {
    throw new TypeError(
      'publish: retain needs a key: the last message of each key is kept; add key',
    );
  }
  return Publication.of(data, binary, {
    compress,
    droppable: droppable && key === undefined,
    key,
    retain,
    except: except && connectionsIn('publish', 'except', except),
  });
}
