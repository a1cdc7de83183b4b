// The part of the service that is CommonJS.
const { WebSocketServer } = require('hawser');

module.exports = { WebSocketServer };
