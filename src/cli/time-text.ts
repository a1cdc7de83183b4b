/** A duration as people read it: `0.412 ms`, `12.3 ms`, `450 ms`, `3.2 s`, `12 min 5 s`, `3 h 20 min`. */
export function durationText(milliseconds: number): string {
  if (milliseconds < 1000) return `${threeDigits(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${Number((milliseconds / 1000).toFixed(1))} s`;
  const seconds = Math.round(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A duration in ms for programs, to the µs. */
export function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}

const threeDigits = (value: number): string =>
  value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
