/**
 * An address of this machine for the `number`th of very many connections. Linux has a whole network of them;
 * with one alone the ports would run out while the kernel still remembers the connections that are gone.
 */
export function loopback(number: number): string {
  return process.platform === 'linux' ? `127.0.0.${String((number % 16) + 1)}` : '127.0.0.1';
}
