'use strict';

// The class WebSocket, with everything else that ws exports as its static properties.
module.exports = require('hawser/ws');
