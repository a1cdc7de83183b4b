/** RFC 6455, sections 4 (opening handshake), 9.1, 10.2 and 11.3: what a server answers to what is asked. */
import { lines } from './table.js';

/**
 * The notation: one row a line, columns between bars.
 *
 *   section | title | request | answer | server
 *
 * request  Its lines, separated by ¶; a line of one letter stands for a usual one:
 *            G  GET / HTTP/1.1
 *            H  Host: server.example.com
 *            U  Upgrade: websocket
 *            C  Connection: Upgrade
 *            K  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
 *            V  Sec-WebSocket-Version: 13
 *          `\\t` is a tab, `\\xff` a byte.
 * answer   The status, then headers that the response must have (`Name: value`) or must not have (`no Name`),
 *          separated by ¶. What every 101 and every refusal must have is checked without being said.
 * server   Which of the servers in the test is asked; by default the one with no options.
 */
export interface HandshakeRow {
  section: string;
  title: string;
  /** The literal, as written. */
  literal: string;
  request: Buffer;
  status: number;
  headers: [name: string, value: string | undefined][];
  server: string;
}

const USUAL: Record<string, string> = {
  G: 'GET / HTTP/1.1',
  H: 'Host: server.example.com',
  U: 'Upgrade: websocket',
  C: 'Connection: Upgrade',
  K: 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  V: 'Sec-WebSocket-Version: 13',
};

function handshakeTable(text: string): HandshakeRow[] {
  return lines(text, 5).map(
    ([section = '', title = '', literal = '', answer = '', server = '']) => {
      const request = literal
        .split('¶')
        .map((line) => USUAL[line.trim()] ?? line.trim())
        .join('\r\n')
        .replace(/\\t/g, '\t')
        .replace(/\\x([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)));
      const [status, ...wanted] = answer.split('¶').map((part) => part.trim());
      const headers = wanted.map((header): [string, string | undefined] => {
        const [, name, value] = /^([\w-]+): (.+)$/.exec(header) ?? [];
        if (name) return [name, value];
        if (!header.startsWith('no ')) throw new Error(`${title}: not a header: ${header}`);
        return [header.slice(3), undefined];
      });
      if (!/^\d{3}$/.test(status!)) throw new Error(`${title}: not a status: ${status!}`);
      return {
        section,
        title,
        literal,
        request: Buffer.from(`${request}\r\n\r\n`, 'latin1'),
        status: Number(status),
        headers,
        server: server || 'plain',
      };
    },
  );
}

export const openingHandshake = handshakeTable(`
# What is accepted, and how
1.3   | the RFC's own example                                              | GET /chat HTTP/1.1 ¶ H ¶ U ¶ C ¶ K ¶ Origin: http://example.com ¶ Sec-WebSocket-Protocol: chat, superchat ¶ V | 101 ¶ Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= ¶ Sec-WebSocket-Protocol: chat | example
4.2.1 | the least that a client sends                                      | G ¶ H ¶ U ¶ C ¶ K ¶ V                        | 101 ¶ Upgrade: websocket ¶ Connection: Upgrade ¶ Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= ¶ no Sec-WebSocket-Protocol ¶ no Sec-WebSocket-Extensions ¶ no Sec-WebSocket-Version ¶ no Content-Length ¶ no Transfer-Encoding
4.1   | "in no particular order": the header fields in another             | G ¶ V ¶ K ¶ C ¶ U ¶ H                        | 101
4.1   | "Header field names are not case-sensitive"                        | G ¶ hOST: server.example.com ¶ UPGRADE: websocket ¶ connection: Upgrade ¶ sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ== ¶ SEC-WEBSOCKET-VERSION: 13 | 101 ¶ Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
4.1   | "MAY include any other header fields, for example, cookies"        | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Cookie: a=b ¶ Sec-WebSocket-Unknown: x ¶ X-Empty: | 101
4.2.2 | Sec-WebSocket-Accept of a key of zeros                             | G ¶ H ¶ U ¶ C ¶ Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA== ¶ V | 101 ¶ Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=
4.2.2 | Sec-WebSocket-Accept of a key of ones, all of them /               | G ¶ H ¶ U ¶ C ¶ Sec-WebSocket-Key: /////////////////////w== ¶ V | 101 ¶ Sec-WebSocket-Accept: XXpj4jYzLM2yUE0C7TIgMwTQh2g=
4.2.2 | Sec-WebSocket-Accept of a key with + and /                         | G ¶ H ¶ U ¶ C ¶ Sec-WebSocket-Key: +/+/+/+/+/+/+/+/+/+/+w== ¶ V | 101 ¶ Sec-WebSocket-Accept: M0DUs3om0SqzerhOhYSMM7WQuBQ=
4.2.2 | "It is not necessary for the server to base64-decode": a key with loose last bits | G ¶ H ¶ U ¶ C ¶ Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR== ¶ V | 101 ¶ Sec-WebSocket-Accept: Zgw8jYXtqX5qJr7MJ1Q/MqzeSRI=
4.2.2 | "any leading and trailing whitespace removed" from the key         | G ¶ H ¶ U ¶ C ¶ Sec-WebSocket-Key:\\t dGhlIHNhbXBsZSBub25jZQ== \\t ¶ V | 101 ¶ Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=

# 4.2.1, 1: "An HTTP/1.1 or higher GET request, including a Request-URI"
4.2.1 | "GET request": POST                                                | POST / HTTP/1.1 ¶ H ¶ U ¶ C ¶ K ¶ V          | 405 ¶ Allow: GET
4.2.1 | "GET request": PUT                                                 | PUT / HTTP/1.1 ¶ H ¶ U ¶ C ¶ K ¶ V           | 405 ¶ Allow: GET
4.2.1 | "GET request": HEAD                                                | HEAD / HTTP/1.1 ¶ H ¶ U ¶ C ¶ K ¶ V          | 405 ¶ Allow: GET
4.2.1 | "GET request": OPTIONS, whose target may be *                      | OPTIONS * HTTP/1.1 ¶ H ¶ U ¶ C ¶ K ¶ V       | 405 ¶ Allow: GET
4.2.1 | "GET request": DELETE                                              | DELETE / HTTP/1.1 ¶ H ¶ U ¶ C ¶ K ¶ V        | 405 ¶ Allow: GET
4.2.1 | "HTTP/1.1 or higher": 1.0                                          | GET / HTTP/1.0 ¶ H ¶ U ¶ C ¶ K ¶ V           | 400
4.2.1 | "Request-URI that should be interpreted as a resource name": a query is part of it | GET /?a=b&c HTTP/1.1 ¶ H ¶ U ¶ C ¶ K ¶ V | 101
4.2.1 | the Request-URI may be absolute                                    | GET http://server.example.com/ HTTP/1.1 ¶ H ¶ U ¶ C ¶ K ¶ V | 101
4.2.1 | a served path                                                      | GET /chat HTTP/1.1 ¶ H ¶ U ¶ C ¶ K ¶ V       | 101 | path
4.2.1 | a served path with a query                                         | GET /chat?room=1 HTTP/1.1 ¶ H ¶ U ¶ C ¶ K ¶ V | 101 | path
4.2.1 | a served path in an absolute Request-URI                           | GET http://server.example.com/chat HTTP/1.1 ¶ H ¶ U ¶ C ¶ K ¶ V | 101 | path
4.2.2 | "if the requested service is not available ... 404 Not Found"      | GET /other HTTP/1.1 ¶ H ¶ U ¶ C ¶ K ¶ V      | 404 | path
4.2.2 | 404: the path begins like one that is served                       | GET /chats HTTP/1.1 ¶ H ¶ U ¶ C ¶ K ¶ V      | 404 | path
4.2.2 | 404: the path is below one that is served                          | GET /chat/ HTTP/1.1 ¶ H ¶ U ¶ C ¶ K ¶ V      | 404 | path
4.2.2 | 404: paths are case-sensitive                                      | GET /Chat HTTP/1.1 ¶ H ¶ U ¶ C ¶ K ¶ V       | 404 | path
4.2.2 | 404: a query that names a served path                              | GET /?/chat HTTP/1.1 ¶ H ¶ U ¶ C ¶ K ¶ V     | 404 | path
4.2.2 | 404: an absolute Request-URI with no path                          | GET http://server.example.com HTTP/1.1 ¶ H ¶ U ¶ C ¶ K ¶ V | 404 | path

# 4.2.1, 2: "A Host header field containing the server's authority"
4.2.1 | Host with a port                                                   | G ¶ Host: server.example.com:8080 ¶ U ¶ C ¶ K ¶ V | 101
4.2.1 | Host: an IPv4 address                                              | G ¶ Host: 192.0.2.1 ¶ U ¶ C ¶ K ¶ V          | 101
4.2.1 | Host: an IPv6 address with a port                                  | G ¶ Host: [2001:db8::1]:443 ¶ U ¶ C ¶ K ¶ V  | 101
4.2.1 | no Host                                                            | G ¶ U ¶ C ¶ K ¶ V                            | 400
4.2.1 | an empty Host                                                      | G ¶ Host: ¶ U ¶ C ¶ K ¶ V                    | 400
4.2.1 | two Hosts                                                          | G ¶ H ¶ Host: other.example.com ¶ U ¶ C ¶ K ¶ V | 400
4.2.1 | the same Host twice                                                | G ¶ H ¶ H ¶ U ¶ C ¶ K ¶ V                    | 400
4.2.1 | a Host that is no authority: a space                               | G ¶ Host: server example.com ¶ U ¶ C ¶ K ¶ V | 400
4.2.1 | a Host that is no authority: a path                                | G ¶ Host: server.example.com/ ¶ U ¶ C ¶ K ¶ V | 400
4.2.1 | a Host that is no authority: a user                                | G ¶ Host: user@server.example.com ¶ U ¶ C ¶ K ¶ V | 400
4.2.1 | a Host that is no authority: a port of letters                     | G ¶ Host: server.example.com:http ¶ U ¶ C ¶ K ¶ V | 400
4.2.1 | a Host that is no authority: a list                                | G ¶ Host: a.example.com, b.example.com ¶ U ¶ C ¶ K ¶ V | 400

# 4.2.1, 3: "An Upgrade header field containing the value "websocket", treated as an ASCII case-insensitive value"
4.2.1 | Upgrade "case-insensitive": as browsers once wrote it              | G ¶ H ¶ Upgrade: WebSocket ¶ C ¶ K ¶ V       | 101
4.2.1 | Upgrade "containing": a list                                       | G ¶ H ¶ Upgrade: h2c, websocket ¶ C ¶ K ¶ V  | 101
4.2.1 | Upgrade to something else                                          | G ¶ H ¶ Upgrade: h2c ¶ C ¶ K ¶ V             | 426 ¶ Upgrade: websocket
4.2.1 | Upgrade to something that begins alike                             | G ¶ H ¶ Upgrade: websockets ¶ C ¶ K ¶ V      | 426 ¶ Upgrade: websocket
4.2.1 | Upgrade to something that ends alike                               | G ¶ H ¶ Upgrade: notwebsocket ¶ C ¶ K ¶ V    | 426 ¶ Upgrade: websocket
4.2.1 | no Upgrade: a plain request                                        | G ¶ H ¶ C ¶ K ¶ V                            | 426 ¶ Upgrade: websocket

# 4.2.1, 4: "A Connection header field that includes the token "Upgrade", treated as an ASCII case-insensitive value"
4.2.1 | Connection "case-insensitive"                                      | G ¶ H ¶ U ¶ Connection: upgrade ¶ K ¶ V      | 101
4.2.1 | Connection "includes the token": as Firefox writes it              | G ¶ H ¶ U ¶ Connection: keep-alive, Upgrade ¶ K ¶ V | 101
4.2.1 | Connection in two header fields                                    | G ¶ H ¶ U ¶ Connection: keep-alive ¶ C ¶ K ¶ V | 101
4.2.1 | no Connection                                                      | G ¶ H ¶ U ¶ K ¶ V                            | 400
4.2.1 | Connection without the token                                       | G ¶ H ¶ U ¶ Connection: keep-alive ¶ K ¶ V   | 400
4.2.1 | Connection with a token that only begins alike                     | G ¶ H ¶ U ¶ Connection: upgrade-later ¶ K ¶ V | 400

# 4.2.1, 5: "A Sec-WebSocket-Key header field with a base64-encoded value that, when decoded, is 16 bytes in length"
4.2.1 | no key                                                             | G ¶ H ¶ U ¶ C ¶ V                            | 400
4.2.1 | an empty key                                                       | G ¶ H ¶ U ¶ C ¶ Sec-WebSocket-Key: ¶ V       | 400
4.2.1 | "16 bytes": 15                                                     | G ¶ H ¶ U ¶ C ¶ Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA ¶ V | 400
4.2.1 | "16 bytes": 17                                                     | G ¶ H ¶ U ¶ C ¶ Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA= ¶ V | 400
4.2.1 | "16 bytes": 18, as long in base64 as 16                            | G ¶ H ¶ U ¶ C ¶ Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAAA ¶ V | 400
4.2.1 | "base64-encoded": without padding                                  | G ¶ H ¶ U ¶ C ¶ Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ ¶ V | 400
4.2.1 | "base64-encoded": half the padding                                 | G ¶ H ¶ U ¶ C ¶ Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ= ¶ V | 400
4.2.1 | "base64-encoded": the alphabet of URLs                             | G ¶ H ¶ U ¶ C ¶ Sec-WebSocket-Key: -_-_-_-_-_-_-_-_-_-_-w== ¶ V | 400
4.2.1 | "base64-encoded": a space inside                                   | G ¶ H ¶ U ¶ C ¶ Sec-WebSocket-Key: dGhlIHNhbXB ZSBub25jZQ== ¶ V | 400
4.2.1 | "base64-encoded": something after                                  | G ¶ H ¶ U ¶ C ¶ Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==A ¶ V | 400
4.2.1 | "base64-encoded": in quotes                                        | G ¶ H ¶ U ¶ C ¶ Sec-WebSocket-Key: "dGhlIHNhbXBsZSBub25jZQ==" ¶ V | 400
11.3.1 | the key "MUST NOT appear more than once": two                     | G ¶ H ¶ U ¶ C ¶ K ¶ Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA== ¶ V | 400
11.3.1 | the key "MUST NOT appear more than once": the same                | G ¶ H ¶ U ¶ C ¶ K ¶ K ¶ V                    | 400

# 4.2.1, 6: "A Sec-WebSocket-Version header field, with a value of 13"; 4.4: others are answered 426 with the version that is
4.4   | no version                                                         | G ¶ H ¶ U ¶ C ¶ K                            | 426 ¶ Sec-WebSocket-Version: 13 ¶ Upgrade: websocket
4.4   | an empty version                                                   | G ¶ H ¶ U ¶ C ¶ K ¶ Sec-WebSocket-Version:   | 426 ¶ Sec-WebSocket-Version: 13
4.4   | version 0                                                          | G ¶ H ¶ U ¶ C ¶ K ¶ Sec-WebSocket-Version: 0 | 426 ¶ Sec-WebSocket-Version: 13 ¶ Upgrade: websocket
4.4   | version 8, of the drafts that said 13 for the same                 | G ¶ H ¶ U ¶ C ¶ K ¶ Sec-WebSocket-Version: 8 | 426 ¶ Sec-WebSocket-Version: 13
4.4   | version 12                                                         | G ¶ H ¶ U ¶ C ¶ K ¶ Sec-WebSocket-Version: 12 | 426 ¶ Sec-WebSocket-Version: 13
4.4   | version 14                                                         | G ¶ H ¶ U ¶ C ¶ K ¶ Sec-WebSocket-Version: 14 | 426 ¶ Sec-WebSocket-Version: 13
4.4   | version 25, the RFC's own example                                  | G ¶ H ¶ U ¶ C ¶ K ¶ Sec-WebSocket-Version: 25 | 426 ¶ Sec-WebSocket-Version: 13
4.4   | version 269 is 13 in 8 bits                                        | G ¶ H ¶ U ¶ C ¶ K ¶ Sec-WebSocket-Version: 269 | 426 ¶ Sec-WebSocket-Version: 13
4.4   | a client sends one version, not a list                             | G ¶ H ¶ U ¶ C ¶ K ¶ Sec-WebSocket-Version: 13, 8 | 426 ¶ Sec-WebSocket-Version: 13
4.4   | "no leading zeros": 013                                            | G ¶ H ¶ U ¶ C ¶ K ¶ Sec-WebSocket-Version: 013 | 426 ¶ Sec-WebSocket-Version: 13
4.4   | version 13.0                                                               | G ¶ H ¶ U ¶ C ¶ K ¶ Sec-WebSocket-Version: 13.0 | 426 ¶ Sec-WebSocket-Version: 13
4.4   | version 0xd                                                                | G ¶ H ¶ U ¶ C ¶ K ¶ Sec-WebSocket-Version: 0xd | 426 ¶ Sec-WebSocket-Version: 13
4.2.1 | white space around the version                                     | G ¶ H ¶ U ¶ C ¶ K ¶ Sec-WebSocket-Version: \\t13 \\t | 101
11.3.5 | the version "MUST NOT appear more than once" in a request         | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ V                    | 400
11.3.5 | two versions, of which one is 13                                  | G ¶ H ¶ U ¶ C ¶ K ¶ Sec-WebSocket-Version: 8 ¶ V | 400

# 10.2 and 4.2.2, 4: "Servers that are not intended to process input from any web page but only for certain sites SHOULD verify the Origin"
10.2  | same origin                                                        | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Origin: http://server.example.com | 101
10.2  | same origin behind a proxy that ends TLS                           | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Origin: https://server.example.com | 101
10.2  | same origin: hosts are case-insensitive                            | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Origin: http://Server.Example.COM | 101
10.2  | same origin: the default port may be written in the origin         | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Origin: http://server.example.com:80 | 101
10.2  | same origin: the default port may be written in the Host           | G ¶ Host: server.example.com:443 ¶ U ¶ C ¶ K ¶ V ¶ Origin: https://server.example.com | 101
10.2  | same origin: a port                                                | G ¶ Host: server.example.com:8080 ¶ U ¶ C ¶ K ¶ V ¶ Origin: http://server.example.com:8080 | 101
10.2  | same origin: an IPv6 address                                       | G ¶ Host: [2001:db8::1]:81 ¶ U ¶ C ¶ K ¶ V ¶ Origin: http://[2001:db8::1]:81 | 101
4.2.2 | "If the server does not accept this origin ... 403 Forbidden"      | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Origin: http://evil.example | 403
4.2.2 | 403: another port                                                  | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Origin: http://server.example.com:8080 | 403
4.2.2 | 403: the other scheme's default port                               | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Origin: https://server.example.com:80 | 403
4.2.2 | 403: our host as a prefix                                          | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Origin: http://server.example.com.evil.example | 403
4.2.2 | 403: our host as a suffix                                          | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Origin: http://evilserver.example.com | 403
4.2.2 | 403: our domain, another host                                      | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Origin: http://example.com | 403
4.2.2 | 403: our host as a user name                                       | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Origin: http://server.example.com@evil.example | 403
4.2.2 | 403: null, of sandboxed pages and files                            | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Origin: null         | 403
4.2.2 | 403: no origin at all, only the word                               | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Origin: server.example.com | 403
4.2.2 | 403: an origin has no path                                         | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Origin: http://server.example.com/ | 403
4.2.2 | an origin on the list                                              | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Origin: https://page.example | 101 | listed
4.2.2 | 403: with a list, another scheme                                   | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Origin: http://page.example | 403 | listed
4.2.2 | 403: with a list, our own host must be on it                       | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Origin: https://server.example.com | 403 | listed
4.2.1 | "Optionally, an Origin header field ... All browser clients": others need none | G ¶ H ¶ U ¶ C ¶ K ¶ V           | 101 | listed
4.1   | two Origins                                                        | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Origin: http://server.example.com ¶ Origin: http://evil.example | 400

# 1.9, 4.2.2 and 11.3.4: subprotocols. The server speaks v2 and v1, and prefers v2
4.2.2 | one that the client offers                                         | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Protocol: v1 | 101 ¶ Sec-WebSocket-Protocol: v1 | subprotocols
4.2.2 | "a single value": the server's preference decides                  | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Protocol: v1, v2 | 101 ¶ Sec-WebSocket-Protocol: v2 | subprotocols
4.2.2 | "the absence of such a field is equivalent to the null value": none offered | G ¶ H ¶ U ¶ C ¶ K ¶ V              | 101 ¶ no Sec-WebSocket-Protocol | subprotocols
4.2.2 | none in common: 101 without the header                             | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Protocol: v3 | 101 ¶ no Sec-WebSocket-Protocol | subprotocols
4.2.2 | offered to a server that speaks none                               | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Protocol: v2 | 101 ¶ no Sec-WebSocket-Protocol
4.1   | subprotocols are case-sensitive                                    | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Protocol: V2 | 101 ¶ no Sec-WebSocket-Protocol | subprotocols
11.3.4 | "MAY appear multiple times in an HTTP request"                    | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Protocol: v1 ¶ Sec-WebSocket-Protocol: v2 | 101 ¶ Sec-WebSocket-Protocol: v2 | subprotocols
4.1   | a list without spaces                                              | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Protocol: v3,v1 | 101 ¶ Sec-WebSocket-Protocol: v1 | subprotocols
4.1   | a list with tabs, and with empty elements as HTTP allows           | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Protocol: v3\\t,\\t, v1, | 101 ¶ Sec-WebSocket-Protocol: v1 | subprotocols
4.1   | an empty header field counts as none                               | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Protocol: | 101 ¶ no Sec-WebSocket-Protocol | subprotocols
4.1   | names that objects have are names like others                      | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Protocol: constructor, __proto__, v1 | 101 ¶ Sec-WebSocket-Protocol: v1 | subprotocols
4.1   | "MUST all be unique strings": the same twice                       | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Protocol: v1, v1 | 400 | subprotocols
4.1   | "MUST all be unique strings": in two header fields                 | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Protocol: v1 ¶ Sec-WebSocket-Protocol: v1 | 400 | subprotocols
4.1   | "MUST be non-empty strings with characters in the range U+0021 to U+007E not including separator characters": a space | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Protocol: v1 v2 | 400 | subprotocols
4.1   | "not including separator characters": quotes                       | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Protocol: "v1" | 400 | subprotocols
4.1   | "not including separator characters": a slash                      | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Protocol: v1/2 | 400 | subprotocols
4.1   | "not including separator characters": a parameter                  | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Protocol: v1;q=1 | 400 | subprotocols
4.1   | "in the range U+0021 to U+007E": beyond it                         | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Protocol: v1\\xe9 | 400 | subprotocols
4.1   | malformed is malformed, for a server that speaks none too          | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Protocol: v1 v2 | 400

# 9.1: "extension-list". The server knows none
9.1   | an extension that is not supported is not accepted                 | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Extensions: foo | 101 ¶ no Sec-WebSocket-Extensions
9.1   | permessage-deflate, off by default                                 | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits | 101 ¶ no Sec-WebSocket-Extensions
9.1   | the RFC's own example, parameters with values                      | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Extensions: bar; baz=2 | 101
9.1   | the RFC's own example, several extensions                          | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Extensions: foo, bar; baz=2 | 101
9.1   | "MAY be split or combined across multiple lines"                   | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Extensions: foo ¶ Sec-WebSocket-Extensions: bar; baz=2 | 101
9.1   | "[ "=" (token or quoted-string) ]": a quoted value                 | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Extensions: foo; a="b" | 101
9.1   | a quoted value with an escape                                      | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Extensions: foo; a="\\b" | 101
9.1   | white space around separators                                      | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Extensions: foo\\t;\\ta = b , bar | 101
9.1   | an empty header field counts as none                               | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Extensions: | 101
9.1   | names that objects have, as extension and as parameter             | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Extensions: constructor; __proto__=1; hasOwnProperty | 101 ¶ no Sec-WebSocket-Extensions
9.1   | "the value after quoted-string unescaping MUST conform to the token ABNF": a space | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Extensions: foo; a="b c" | 400
9.1   | "MUST conform to the token ABNF": nothing in quotes                | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Extensions: foo; a="" | 400
9.1   | a quote that is not closed                                         | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Extensions: foo; a="b | 400
9.1   | a quote that is closed by an escape only                           | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Extensions: foo; a="b\\" | 400
9.1   | a parameter without a name                                         | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Extensions: foo; =1 | 400
9.1   | a parameter without the value that its = promises                  | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Extensions: foo; a= | 400
9.1   | a semicolon without a parameter                                    | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Extensions: foo; | 400
9.1   | parameters without an extension                                    | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Extensions: ; a=1 | 400
9.1   | two names and nothing between                                      | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Extensions: foo bar | 400
9.1   | a name with a separator                                            | G ¶ H ¶ U ¶ C ¶ K ¶ V ¶ Sec-WebSocket-Extensions: foo=bar | 400

# 4.2.2: other reasons to refuse
4.2.2 | over the limit of connections                                      | G ¶ H ¶ U ¶ C ¶ K ¶ V                        | 503 | full
`);
