import { EventEmitter } from 'node:events';

/**
 * An EventEmitter whose event names and arguments are checked by the compiler. At run time it is
 * Node's class; the signatures are hawser's, because those of @types/node differ between versions.
 *
 * @typeParam Events a map from event name to the listener's arguments.
 */
export interface TypedEmitter<Events> extends EventEmitter {
  on<E extends EventName<Events>>(event: E, listener: Listener<Events, E>): this;
  once<E extends EventName<Events>>(event: E, listener: Listener<Events, E>): this;
  off<E extends EventName<Events>>(event: E, listener: Listener<Events, E>): this;
  addListener<E extends EventName<Events>>(event: E, listener: Listener<Events, E>): this;
  removeListener<E extends EventName<Events>>(event: E, listener: Listener<Events, E>): this;
  prependListener<E extends EventName<Events>>(event: E, listener: Listener<Events, E>): this;
  prependOnceListener<E extends EventName<Events>>(event: E, listener: Listener<Events, E>): this;
  emit<E extends EventName<Events>>(event: E, ...args: Arguments<Events, E>): boolean;
  listenerCount<E extends EventName<Events>>(event: E, listener?: Listener<Events, E>): number;
}

/** The events that every EventEmitter of Node has. */
interface EmitterEvents {
  /** Emitted before `'error'`, with the same error. A listener does not count as an error handler. */
  [EventEmitter.errorMonitor]: [error: Error];
  /** Emitted before a listener is added. */
  newListener: [event: string | symbol, listener: (...args: never[]) => unknown];
  /** Emitted after a listener was removed. */
  removeListener: [event: string | symbol, listener: (...args: never[]) => unknown];
}

/** The name of an event: of `Events`, or of those that every EventEmitter has. */
export type EventName<Events> = (keyof Events & string) | keyof EmitterEvents;

/** The arguments of an event. */
type Arguments<Events, E extends EventName<Events>> = E extends keyof Events
  ? Events[E] extends unknown[]
    ? Events[E]
    : never
  : E extends keyof EmitterEvents
    ? EmitterEvents[E]
    : never;

/** A listener of an event. Its result is ignored. */
export type Listener<Events, E extends EventName<Events>> = (...args: Arguments<Events, E>) => void;

export const TypedEmitter: new <Events>() => TypedEmitter<Events> = EventEmitter;
