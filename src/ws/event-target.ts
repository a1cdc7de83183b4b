import type { EventEmitter } from 'node:events';
import { TypedEmitter } from '../connection/typed-emitter.js';
import { show } from '../protocol/option-checks.js';
import type { Data } from './data.js';
import { type StringListener, textOfMessage } from './message-strings.js';

/** An event as the WebSocket API has it, for listeners of `addEventListener`. */
export class Event {
  /** Its name. */
  readonly type: string;
  /** The WebSocket. */
  readonly target: EventEmitter;

  constructor(type: string, target: EventEmitter) {
    this.type = type;
    this.target = target;
  }
}

/** A message; its `data` is a string for Text. */
export class MessageEvent extends Event {
  readonly data: Data;

  constructor(target: EventEmitter, data: Data) {
    super('message', target);
    this.data = data;
  }
}

/** The end of a connection. */
export class CloseEvent extends Event {
  readonly code: number;
  readonly reason: string;
  /** Both sides have sent a Close. */
  readonly wasClean: boolean;

  constructor(target: EventEmitter, code: number, reason: string, wasClean: boolean) {
    super('close', target);
    this.code = code;
    this.reason = reason;
    this.wasClean = wasClean;
  }
}

/** A failure. */
export class ErrorEvent extends Event {
  readonly error: Error;
  readonly message: string;

  constructor(target: EventEmitter, error: Error) {
    super('error', target);
    this.error = error;
    this.message = error.message;
  }
}

/** The events by their names. */
export interface WebSocketEventMap {
  open: Event;
  message: MessageEvent;
  close: CloseEvent;
  error: ErrorEvent;
}

/** A listener that is set as an attribute, such as `onmessage`. */
export type AttributeHandler<Type extends Event> = (this: EventEmitter, event: Type) => unknown;
/** A listener of `addEventListener`: a function, or an object with `handleEvent`. */
export type EventHandler<Type extends Event = never> =
  AttributeHandler<Type> | { handleEvent(event: Type): unknown };

/** The options of `addEventListener`. */
interface ListenerOptions {
  /** Call it for one event only. @default false */
  readonly once?: boolean | undefined;
}

/** The emitter, as its events need it. */
interface Target extends EventEmitter {
  /** Both sides have sent a Close. */
  readonly wasClean: boolean;
}

/** Makes the event from the arguments of the emitter's listener. */
const EVENTS: Readonly<Record<string, (target: Target, args: readonly unknown[]) => Event>> = {
  open: (target) => new Event('open', target),
  message: (target, [data, isBinary]) =>
    new MessageEvent(target, isBinary === true ? (data as Data) : textOfMessage(data)),
  close: (target, [code, reason]) =>
    new CloseEvent(target, code as number, String(reason), target.wasClean),
  error: (target, [error]) => new ErrorEvent(target, error as Error),
};

/** A listener of the emitter that calls an {@link EventHandler}. */
type Wrapper = ((...args: unknown[]) => void) &
  StringListener & {
    readonly handler: EventHandler;
    /** It was set as `onmessage`, for example; such a listener is apart from the others. */
    readonly isAttribute: boolean;
  };

/** See {@link StringListener}: Text is a string in an event. */
const stringAs = (isBinary: boolean): 'text' | undefined => (isBinary ? undefined : 'text');

/** An emitter that has the listeners of the WebSocket API, too. */
export abstract class EventTargetEmitter<Events> extends TypedEmitter<Events> {
  /** Both sides have sent a Close. */
  abstract get wasClean(): boolean;

  /** The listener that was set as an attribute; `null` for none. */
  get onopen(): AttributeHandler<Event> | null {
    return attributeOf(this, 'open');
  }
  set onopen(handler: AttributeHandler<Event> | null) {
    setAttribute(this, 'open', handler);
  }
  get onmessage(): AttributeHandler<MessageEvent> | null {
    return attributeOf(this, 'message');
  }
  set onmessage(handler: AttributeHandler<MessageEvent> | null) {
    setAttribute(this, 'message', handler);
  }
  get onclose(): AttributeHandler<CloseEvent> | null {
    return attributeOf(this, 'close');
  }
  set onclose(handler: AttributeHandler<CloseEvent> | null) {
    setAttribute(this, 'close', handler);
  }
  get onerror(): AttributeHandler<ErrorEvent> | null {
    return attributeOf(this, 'error');
  }
  set onerror(handler: AttributeHandler<ErrorEvent> | null) {
    setAttribute(this, 'error', handler);
  }

  /**
   * Add a listener. A type that a WebSocket does not have, and a second time, are ignored.
   *
   * @throws TypeError for a handler that could not be called.
   */
  addEventListener<Type extends keyof WebSocketEventMap>(
    type: Type,
    handler: EventHandler<WebSocketEventMap[Type]>,
    options?: ListenerOptions,
  ): void;
  addEventListener(type: string, handler: EventHandler, options?: ListenerOptions): void;
  addEventListener(type: string, handler: EventHandler, options?: ListenerOptions | null): void {
    checkHandler(type, handler);
    if (find(this, type, false, handler) === undefined) {
      listen(this, type, handler, false, Boolean(options?.once));
    }
  }

  /** Remove a listener of {@link addEventListener}. */
  removeEventListener<Type extends keyof WebSocketEventMap>(
    type: Type,
    handler: EventHandler<WebSocketEventMap[Type]>,
  ): void;
  removeEventListener(type: string, handler: EventHandler): void;
  removeEventListener(type: string, handler: EventHandler): void {
    const wrapper = find(this, type, false, handler);
    if (wrapper !== undefined) unlisten(this, type, wrapper);
  }

  static {
    // Programs copy the members that they find with for-in.
    const attributes = ['onopen', 'onmessage', 'onclose', 'onerror'];
    for (const name of [...attributes, 'addEventListener', 'removeEventListener']) {
      Object.defineProperty(this.prototype, name, { enumerable: true });
    }
  }
}

/** @throws TypeError for what would throw at the first event. */
function checkHandler(type: string, handler: unknown): void {
  if (!Object.hasOwn(EVENTS, type) || typeof handler === 'function') return;
  const { handleEvent } = Object(handler) as { handleEvent?: unknown };
  if (typeof handleEvent === 'function') return;
  throw new TypeError(
    `addEventListener: expected the handler to be a function, or an object with handleEvent, got ${show(handler)}`,
  );
}

function listen(
  target: Target,
  type: string,
  handler: EventHandler,
  isAttribute: boolean,
  once: boolean,
): void {
  const make = EVENTS[type];
  if (make === undefined) return;
  const listener = (...args: unknown[]): void => {
    const event = make(target, args) as never;
    if (typeof handler === 'function') handler.call(target, event);
    else handler.handleEvent(event);
  };
  const wrapper: Wrapper = Object.assign(listener, { handler, isAttribute, stringAs });
  if (once) target.once(type, wrapper);
  else target.on(type, wrapper);
}

function unlisten(target: EventEmitter, type: string, wrapper: Wrapper): void {
  target.removeListener(type, wrapper);
}

function attributeOf<Type extends keyof WebSocketEventMap>(
  target: EventEmitter,
  type: Type,
): AttributeHandler<WebSocketEventMap[Type]> | null {
  const handler = find(target, type, true)?.handler;
  return (handler ?? null) as AttributeHandler<WebSocketEventMap[Type]> | null;
}

/** Set an attribute such as `onmessage`; anything but a function removes it. */
function setAttribute(target: Target, type: string, handler: EventHandler | null): void {
  const before = find(target, type, true);
  if (before !== undefined) unlisten(target, type, before);
  if (typeof handler === 'function') listen(target, type, handler, true, false);
}

function find(
  target: EventEmitter,
  type: string,
  isAttribute: boolean,
  handler?: EventHandler,
): Wrapper | undefined {
  // listeners() unwraps once(), so a wrapper is found there too.
  return (target.listeners(type) as Partial<Wrapper>[]).find(
    (listener): listener is Wrapper =>
      listener.isAttribute === isAttribute &&
      (handler === undefined || listener.handler === handler),
  );
}
