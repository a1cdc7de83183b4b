import { EventEmitter } from 'node:events';

/**
 * An EventEmitter whose event names and arguments the compiler checks. It is Node's own class at
 * run time; only the signatures are ours, because those of @types/node differ between versions.
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

/** The events that every EventEmitter of Node has, beside those of its own. */
interface EmitterEvents {
  /** What `'error'` carries, told before its listeners; a listener here does not count as one of them. */
  [EventEmitter.errorMonitor]: [error: Error];
  /** A listener is about to be added. */
  newListener: [event: string | symbol, listener: (...args: never[]) => unknown];
  /** A listener was removed. */
  removeListener: [event: string | symbol, listener: (...args: never[]) => unknown];
}

/** The name of an event of `Events`, or of one that every EventEmitter has. */
export type EventName<Events> = (keyof Events & string) | keyof EmitterEvents;

/** The arguments of one event. */
type Arguments<Events, E extends EventName<Events>> = E extends keyof Events
  ? Events[E] extends unknown[]
    ? Events[E]
    : never
  : E extends keyof EmitterEvents
    ? EmitterEvents[E]
    : never;

/** A listener of one event. What it returns is ignored. */
export type Listener<Events, E extends EventName<Events>> = (...args: Arguments<Events, E>) => void;

export const TypedEmitter: new <Events>() => TypedEmitter<Events> = EventEmitter;
