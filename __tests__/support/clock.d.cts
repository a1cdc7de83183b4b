import type { Clock } from '../../src/connection/limits/deadlines.js';

export declare class HandClock implements Clock {
  afterPoll?: (callback: () => void) => void;
  time: number;
  readonly timers: Map<number, { at: number; wait: number; callback: () => void }>;
  now(): number;
  setTimeout(callback: () => void, milliseconds: number): number;
  clearTimeout(timer: unknown): void;
  advance(milliseconds: number): void;
}
