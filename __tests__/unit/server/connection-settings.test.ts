import { connectionSettings } from '../../../src/server/connection-settings.js';
import { resolveOptions } from '../../../src/server/options/resolve-options.js';
import { HandClock, settingsOf } from '../../support/connection.js';

it('takes what concerns a connection from the options, and the rest as it is', () => {
  const given = {
    textAs: 'buffer',
    binaryAs: 'arraybuffer',
    highWaterMark: 1,
    maxBufferedAmount: 2,
    slowConsumer: 'drop',
    closeTimeout: 3,
    messageTimeout: 4,
  } as const;
  const parts = settingsOf(new HandClock());
  const settings = connectionSettings(resolveOptions({ ...given, maxPayload: 5 }, []), parts);
  expect(settings).toStrictEqual({ ...parts, ...given });
});
