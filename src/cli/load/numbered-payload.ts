/** Digits that number a message, in base 36: enough for 2.8 × 10^12 messages. */
export const NUMBER_LENGTH = 8;

/** Text of `size` bytes that begins with the message's number, by which its answer is known. */
export function numberedPayload(message: number, size: number): string {
  return message.toString(36).padStart(NUMBER_LENGTH, '0').padEnd(size, 'x');
}

/** The number of the message that was sent back; `undefined` for what is not one of ours. */
export function numberOf(data: string): number | undefined {
  const number = data.slice(0, NUMBER_LENGTH);
  return /^[0-9a-z]{8}$/.test(number) ? parseInt(number, 36) : undefined;
}
