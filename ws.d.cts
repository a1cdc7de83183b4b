import entry = require('./dist/ws/index.js');

/** The class of `hawser/ws`, with what the module exports on it. */
declare const WebSocket: typeof entry.WebSocket & {
  readonly WebSocket: typeof WebSocket;
  readonly WebSocketServer: typeof entry.WebSocketServer;
  readonly Server: typeof entry.WebSocketServer;
  readonly createWebSocketStream: typeof entry.createWebSocketStream;
  readonly extension: typeof entry.extension;
  readonly PerMessageDeflate: typeof entry.PerMessageDeflate;
  readonly Receiver: typeof entry.Receiver;
  readonly Sender: typeof entry.Sender;
  readonly subprotocol: typeof entry.subprotocol;
};
interface WebSocket extends entry.WebSocket {}
declare namespace WebSocket {
  type BinaryType = entry.BinaryType;
  type ClientOptions = entry.ClientOptions;
  type CloseEvent = entry.CloseEvent;
  type Data = entry.Data;
  type ErrorEvent = entry.ErrorEvent;
  type Event = entry.Event;
  type HawserOptions = entry.HawserOptions;
  type MessageEvent = entry.MessageEvent;
  type PerMessageDeflate = entry.PerMessageDeflate;
  type PerMessageDeflateOptions = entry.PerMessageDeflateOptions;
  type RawData = entry.RawData;
  type Receiver = entry.Receiver;
  type ReceiverOptions = entry.ReceiverOptions;
  type SendOptions = entry.SendOptions;
  type Server = entry.WebSocketServer;
  type ServerOptions = entry.ServerOptions;
  type WebSocketEventMap = entry.WebSocketEventMap;
  type WebSocketServer = entry.WebSocketServer;
}
export = WebSocket;
