// A clock that stands still until a test moves it. It is CommonJS so that the program of a child process can load it.
'use strict';

exports.HandClock = class HandClock {
  time = 1000;
  /** Timers that are set and neither fired nor cleared. */
  timers = new Map();
  #next = 1;

  now() {
    return this.time;
  }

  setTimeout(callback, milliseconds) {
    this.timers.set(this.#next, { at: this.time + milliseconds, wait: milliseconds, callback });
    return this.#next++;
  }

  clearTimeout(timer) {
    this.timers.delete(timer);
  }

  /** Lets time pass: timers that are due by then fire in order. */
  advance(milliseconds) {
    const end = this.time + milliseconds;
    for (;;) {
      const [first] = [...this.timers].sort(([, one], [, other]) => one.at - other.at);
      if (first === undefined || first[1].at > end) break;
      this.timers.delete(first[0]);
      this.time = Math.max(this.time, first[1].at);
      first[1].callback();
    }
    this.time = end;
  }
};
