/**
 * Where a runtime does not do what Node does, and a test sees it: each entry names the tests of a file whose title
 * contains `title`, and the row of docs/runtimes.md. They must fail there, or leave this list. `waits`: they would
 * wait for ever, and are not run.
 *
 * @type {Record<string, { file: string; title: string; row: string; waits?: boolean }[]>}
 */
export const differences = {
  bun: [
    {
      file: 'conformance/rfc6455-closing-handshake.test.ts',
      title: 'no answer but a reset',
      row: 'a reset',
    },
    {
      file: 'conformance/rfc6455-closing-handshake.test.ts',
      title: 'the transport is reset',
      row: 'a reset',
    },
    {
      file: 'unit/connection/close/closing.test.ts',
      title: 'is closed when the socket closes without a word',
      row: 'a reset',
    },
    {
      file: 'conformance/rfc6455-opening-handshake.test.ts',
      title: 'OPTIONS, whose target may be *',
      row: 'request targets',
    },
    {
      file: 'hostile/request-targets.test.ts',
      title: 'ws://anything.example/chat goes by its own path',
      row: 'request targets',
    },
    {
      file: 'hostile/request-targets.test.ts',
      title: 'every method with every Upgrade on every route',
      row: 'requests for another protocol',
    },
    {
      file: 'hostile/prototype-names.test.ts',
      title: 'as the value of Upgrade is a value like any other',
      row: 'requests for another protocol',
    },
    { file: 'hostile/many-headers.test.ts', title: 'is upgraded or rejected', row: 'many headers' },
    {
      file: 'hostile/early-frames.test.ts',
      title: 'half a MiB sent while authorize runs is held back by the kernel',
      row: 'large reads',
    },
  ],
  deno: [
    {
      file: 'conformance/rfc6455-client-closing.test.ts',
      title: 'the transport ends after a message, which is answered',
      row: 'the end of a server',
      waits: true,
    },
    {
      file: 'conformance/rfc6455-client-closing.test.ts',
      title: 'a client that ends its half right after its Close gets its answer',
      row: 'the end of a server',
      waits: true,
    },
    {
      file: 'conformance/rfc6455-client-closing.test.ts',
      title: 'an end of the transport after it changes nothing',
      row: 'the end of a server',
      waits: true,
    },
    {
      file: 'hostile/request-targets.test.ts',
      title: 'every method with every Upgrade on every route',
      row: 'requests for another protocol',
      waits: true,
    },
    {
      file: 'unit/protocol/deflate/raw-zlib.test.ts',
      title: 'begins with the dictionary it is given',
      row: 'preset dictionaries',
    },
    {
      file: 'conformance/rfc7692-rows.test.ts',
      title: 'say what zlib says',
      row: 'preset dictionaries',
    },
    {
      file: 'unit/protocol/deflate/part-inflater.test.ts',
      title: 'knows what a message may refer to',
      row: 'preset dictionaries',
    },
    {
      file: 'unit/connection/deflate/outgoing.test.ts',
      title: 'compresses what does not shrink too, where something may refer to it',
      row: 'preset dictionaries',
    },
    {
      file: 'unit/connection/deflate/permessage-deflate.test.ts',
      title: 'refers to messages before only with takeover',
      row: 'preset dictionaries',
    },
    {
      file: 'unit/connection/deflate/permessage-deflate.test.ts',
      title: 'opens a compressor for a message in parts',
      row: 'preset dictionaries',
    },
    {
      file: 'unit/connection/deflate/permessage-deflate.test.ts',
      title: 'opens a decompressor for messages in parts',
      row: 'preset dictionaries',
    },
    {
      file: 'unit/connection/deflate/permessage-deflate.test.ts',
      title: 'knows a long message if the peer refers to it',
      row: 'preset dictionaries',
    },
  ],
};
