'use strict';

// What a bundler for browsers takes: a page has a WebSocket of its own.
module.exports = function WebSocket() {
  throw new Error('hawser-ws does not work in a browser: use the WebSocket that the browser has');
};
