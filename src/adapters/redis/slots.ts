/** Slots of a Redis Cluster. */
const SLOTS = 16384;
/** CRC16/XMODEM, as the Redis Cluster specification has it: polynomial 0x1021, from 0. */
const CRC16 = Uint16Array.from({ length: 256 }, (_, index) => {
  let crc = index << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

/** The slot of a channel. What is between the first `{` and the next `}`, if anything, decides alone. */
export function slotOf(channel: string): number {
  const open = channel.indexOf('{');
  const close = open === -1 ? -1 : channel.indexOf('}', open + 1);
  const hashed = close > open + 1 ? channel.slice(open + 1, close) : channel;
  let crc = 0;
  for (const byte of Buffer.from(hashed)) crc = ((crc << 8) & 0xffff) ^ CRC16[(crc >> 8) ^ byte]!;
  return crc % SLOTS;
}
