import { SlowReader } from './slow.js';
import { byId, definitions } from './view.js';
import { formatBytes, formatCount, formatTime, Trace } from './figures.js';

/** How often the page asks the server, in ms; more often during an experiment. */
const LOOK_EVERY = 1000;
const LOOK_CLOSELY = 150;

/**
 * The drawer "Under the hood". The page asks (`look`) and the server answers (`seen`): the time between
 * the two is the round trip that is shown.
 */
export class Hood {
  #link;
  #isOpen = false;
  #isIn = false;
  #askedAt = 0;
  #droppedAt = 0;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  #roundTrips = new Trace(byId('round-trip-trace'), 30);
  #held = new Trace(byId('held-trace'), 40);
  /** @type {SlowReader | undefined} */
  #slow;
  /** A burst in progress: when it was requested, and the number that must come next. */
  #burst = { askedAt: 0, next: 1, isInOrder: true };

  constructor(/** @type {import('./link.js').Link} */ link) {
    this.#link = link;
    byId('drop').addEventListener('click', () => this.#drop());
    byId('slow').addEventListener('click', () => this.#slowDown());
    byId('burst').addEventListener('click', () => this.#sendBurst());
    document.addEventListener('visibilitychange', () => this.#watch());
  }

  show(/** @type {boolean} */ isOpen) {
    this.#isOpen = isOpen;
    this.#watch();
  }

  /** The server has said welcome, or the connection is lost. */
  enter(/** @type {boolean} */ isIn) {
    this.#isIn = isIn;
    this.#askedAt = 0;
    if (!isIn) this.#stopExperiments();
    for (const id of ['drop', 'slow', 'burst'])
      byId(id).setAttribute('aria-disabled', String(!isIn));
    if (isIn && this.#droppedAt > 0) {
      const away = formatTime(performance.now() - this.#droppedAt);
      this.#droppedAt = 0;
      report('drop', `Dropped, and back after ${away}. How it ended is told below.`);
    }
    this.#watch();
  }

  // -- What the server says ------------------------------------------------------------------

  /** @param {any} answer */
  seen({ figures, flood, ending, stats }) {
    if (this.#askedAt > 0) {
      const roundTrip = performance.now() - this.#askedAt;
      this.#askedAt = 0;
      byId('round-trip').textContent = formatTime(roundTrip);
      this.#roundTrips.add(roundTrip);
    }
    showFigures(figures);
    showEnding(this.#link.lastEnd, ending);
    definitions(byId('stats'), flat(stats));
    if (flood !== undefined && this.#slow !== undefined) this.#showFlood(flood);
  }

  ticket(/** @type {{ ticket: string }} */ { ticket }) {
    this.#slow?.start(ticket);
  }

  number(/** @type {{ n: number }} */ { n }) {
    if (n !== this.#burst.next) this.#burst.isInOrder = false;
    this.#burst.next = n + 1;
  }

  burst(/** @type {{ count: number, milliseconds: number, turns: number }} */ sent) {
    const { askedAt, next, isInOrder } = this.#burst;
    this.#burst.askedAt = 0;
    const order = isInOrder && next === sent.count + 1 ? 'all in order' : 'NOT in order';
    const writes = sent.turns === 1 ? 'one write' : `${formatCount(sent.turns)} writes`;
    report(
      'burst',
      `${formatCount(sent.count)} messages, ${order}, ${formatTime(performance.now() - askedAt)} after the click. ` +
        `The server queued them in one tick; ${writes} took them to the kernel, ${formatTime(sent.milliseconds)} in all.`,
    );
  }

  /** The server refused an experiment. */
  refused(/** @type {string} */ reason) {
    if (this.#slow !== undefined) {
      report('slow', reason);
      byId('held').hidden = true;
      this.#slow = undefined;
      this.#watch();
    } else if (this.#burst.askedAt > 0) {
      report('burst', reason);
      this.#burst.askedAt = 0;
    }
  }

  // -- The buttons ---------------------------------------------------------------------------

  #drop() {
    if (!this.#isIn) return;
    this.#droppedAt = performance.now();
    report('drop', '');
    this.#link.send({ type: 'drop' });
  }

  #sendBurst() {
    if (!this.#isIn || this.#burst.askedAt > 0) return;
    this.#burst = { askedAt: performance.now(), next: 1, isInOrder: true };
    report('burst', '');
    this.#link.send({ type: 'burst' });
  }

  #slowDown() {
    if (!this.#isIn || this.#slow !== undefined) return;
    this.#slow = new SlowReader(this.#link.url);
    this.#held.clear();
    report('slow', '');
    byId('held').hidden = false;
    byId('held-now').textContent = 'The reader is about to start.';
    byId('held').scrollIntoView({ block: 'nearest' });
    this.#link.send({ type: 'slow' });
    this.#watch();
  }

  /** @param {any} flood */
  #showFlood({ total, sent, held, peak, longestWait, isOver }) {
    this.#held.add(held);
    byId('held-now').textContent =
      `${formatBytes(sent)} of ${formatBytes(total)} sent, ${formatBytes(held)} held`;
    const end = this.#slow?.end;
    if (end === undefined || (end.code === 1000 && !isOver)) return;
    report(
      'slow',
      end.code === 1000
        ? `The server had to wait ${formatTime(longestWait)} for the reader. It never held more than ` +
            `${formatBytes(peak)} of ${formatBytes(total)}, and ${formatBytes(end.bytes)} arrived.`
        : `The reader's connection ended early, with code ${end.code}. ${formatBytes(end.bytes)} arrived.`,
    );
    this.#slow = undefined;
    this.#watch();
  }

  #stopExperiments() {
    if (this.#slow !== undefined) report('slow', 'The connection was lost meanwhile.');
    if (this.#burst.askedAt > 0) report('burst', 'The connection was lost meanwhile.');
    this.#slow?.stop();
    this.#slow = undefined;
    this.#burst.askedAt = 0;
  }

  // -- Asking --------------------------------------------------------------------------------

  /** Asks again and again, but only while the answer can be seen. */
  #watch() {
    clearInterval(this.#timer);
    if (!this.#isOpen || !this.#isIn || document.hidden) return;
    this.#timer = setInterval(() => this.#look(), this.#slow ? LOOK_CLOSELY : LOOK_EVERY);
    this.#look();
  }

  #look() {
    if (this.#askedAt > 0) return;
    this.#askedAt = performance.now();
    this.#link.send({ type: 'look' });
  }
}

/** The result of an experiment: it is brought into sight, and a screen reader reads it out. */
function report(/** @type {string} */ experiment, /** @type {string} */ words) {
  const result = byId(`${experiment}-result`);
  result.textContent = words;
  if (words !== '') result.scrollIntoView({ block: 'nearest' });
}

/** @param {any} figures */
function showFigures({ seconds, transport, streamId, extensions, bufferedAmount, sent, received }) {
  byId('buffered').textContent = formatBytes(bufferedAmount);
  byId('age').textContent = `open for ${formatTime(seconds * 1000)}`;
  const isHttp2 = transport === 'http2';
  byId('transport').textContent = isHttp2
    ? `HTTP/2, stream ${streamId} of this browser’s session`
    : 'HTTP/1.1, a socket of its own';
  byId('wire-note').textContent = isHttp2 ? ', and all else on the session' : '';
  byId('extensions').textContent = extensions || 'no extension: nothing is compressed';
  for (const [direction, { messages, bytes, wire }] of Object.entries({ sent, received })) {
    byId(`${direction}-messages`).textContent = formatCount(messages);
    byId(`${direction}-bytes`).textContent = formatBytes(bytes);
    byId(`${direction}-wire`).textContent = formatBytes(wire);
    const saved = Math.max(0, bytes - wire);
    byId(`${direction}-saved`).textContent = formatBytes(saved);
    byId(`${direction}-share`).textContent = `${Math.round((100 * saved) / Math.max(1, bytes))} %`;
  }
}

/** @param {import('./link.js').End | undefined} here @param {any} there */
function showEnding(here, there) {
  byId('no-ending').hidden = there !== undefined || here !== undefined;
  byId('ending').hidden = there === undefined && here === undefined;
  byId('ended-here').textContent =
    here === undefined
      ? 'An earlier page saw it, not this one.'
      : (here.cause ??
        (here.clean
          ? `A Close frame came, with code ${here.code}${here.reason && ` and the reason “${here.reason}”`}.`
          : `It ended without a Close frame. Browsers call that ${here.code}.`));
  const { code, reason, initiator, clean, cause } = there ?? {};
  definitions(
    byId('ended-there'),
    there === undefined
      ? [['closeInfo', 'not known to this server']]
      : [
          ['code', String(code)],
          ['initiator', initiator],
          ['clean', String(clean)],
          ['reason', reason || '(none)'],
          ['cause', cause ? [cause.code, cause.message].filter(Boolean).join(': ') : '(none)'],
        ],
  );
}

/** `stats()` as it is, with counts by code or cause on lines of their own. */
function flat(/** @type {Record<string, number | Record<string, number>>} */ stats) {
  return Object.entries(stats).flatMap(([key, value]) =>
    typeof value === 'number'
      ? [[key, formatCount(value)]]
      : Object.entries(value).map(([name, count]) => [`${key} ${name}`, formatCount(count)]),
  );
}
