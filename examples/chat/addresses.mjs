import { networkInterfaces } from 'node:os';

/**
 * Addresses to open in a browser when the server listens on `host`: first the one for this machine,
 * then those for other machines on the network.
 *
 * @param {string} host an address, or one that stands for all of them
 * @param {number} port
 * @param {'http' | 'https'} scheme
 * @param {ReturnType<typeof networkInterfaces>} interfaces
 */
export function addresses(host, port, scheme = 'http', interfaces = networkInterfaces()) {
  const url = (/** @type {string} */ name) =>
    `${scheme}://${name.includes(':') ? `[${name}]` : name}:${port}`;
  const isAll = host === '0.0.0.0' || host === '::';
  if (!isAll) return [url(['127.0.0.1', '::1'].includes(host) ? 'localhost' : host)];
  const others = Object.values(interfaces)
    .flatMap((all) => all ?? [])
    .filter(({ internal, family }) => !internal && (family === 'IPv4' || host === '::'))
    .filter(({ address }) => !address.startsWith('fe80:')) // of one link only; needs a zone
    .map(({ address }) => url(address));
  return [url('localhost'), ...others];
}
