import { EventEmitter } from 'node:events';

/**
 * An EventEmitter whose event names and arguments the compiler checks. It is Node's own class at
 * run time; only the signatures are ours, because those of @types/node differ between versions.
 *
 * @typeParam Events a map from event name to the listener's arguments.
 */
export interface TypedEmitter<Events> extends EventEmitter {
  on<E extends keyof Events & string>(event: E, listener: Listener<Events, E>): this;
  once<E extends keyof Events & string>(event: E, listener: Listener<Events, E>): this;
  off<E extends keyof Events & string>(event: E, listener: Listener<Events, E>): this;
  addListener<E extends keyof Events & string>(event: E, listener: Listener<Events, E>): this;
  removeListener<E extends keyof Events & string>(event: E, listener: Listener<Events, E>): this;
  prependListener<E extends keyof Events & string>(event: E, listener: Listener<Events, E>): this;
  prependOnceListener<E extends keyof Events & string>(
    event: E,
    listener: Listener<Events, E>,
  ): this;
  emit<E extends keyof Events & string>(event: E, ...args: Arguments<Events, E>): boolean;
  listenerCount(event: keyof Events & string): number;
}

/** The arguments of one event. */
type Arguments<Events, E extends keyof Events & string> = Events[E] extends unknown[]
  ? Events[E]
  : never;

/** A listener of one event. What it returns is ignored. */
export type Listener<Events, E extends keyof Events & string> = (
  ...args: Arguments<Events, E>
) => void;

export const TypedEmitter: new <Events>() => TypedEmitter<Events> = EventEmitter;
