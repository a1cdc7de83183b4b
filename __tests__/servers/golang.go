// An echo server of gorilla/websocket or nhooyr.io/websocket, which prints its port.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/gorilla/websocket"
	nhooyr "nhooyr.io/websocket"
)

const limit = 16 << 20

func gorilla(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{Subprotocols: []string{"chat"}, EnableCompression: true}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	conn.SetReadLimit(limit)
	for {
		kind, data, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if string(data) == "close" {
			conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4001, "bye"))
		} else if conn.WriteMessage(kind, data) != nil {
			return
		}
	}
}

func nhooyrIO(w http.ResponseWriter, r *http.Request) {
	conn, err := nhooyr.Accept(w, r, &nhooyr.AcceptOptions{
		Subprotocols:         []string{"chat"},
		CompressionThreshold: 1,
	})
	if err != nil {
		return
	}
	conn.SetReadLimit(limit)
	for {
		kind, data, err := conn.Read(context.Background())
		if err != nil {
			return
		}
		if string(data) == "close" {
			conn.Close(4001, "bye")
		} else if conn.Write(context.Background(), kind, data) != nil {
			return
		}
	}
}

func main() {
	handler := gorilla
	if os.Args[1] == "nhooyr" {
		handler = nhooyrIO
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	panic(http.Serve(listener, http.HandlerFunc(handler)))
}
