// The types of index.js.
import WebSocket = require('hawser/ws');

export = WebSocket;
