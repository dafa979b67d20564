package link

import (
	"errors"
	"io"

	"github.com/gorilla/websocket"
)

// webStream is the stream of bytes in the binary messages of a WebSocket.
// Packets and messages need not coincide (MQTT 3.1.1, section 6).
type webStream struct {
	socket  *websocket.Conn
	message io.Reader // nil between messages
}

// Read is not to be called twice at a time.
func (s *webStream) Read(p []byte) (int, error) {
	for {
		if s.message == nil {
			kind, message, err := s.socket.NextReader()
			if _, closed := errors.AsType[*websocket.CloseError](err); closed {
				return 0, io.EOF
			}
			if err != nil {
				return 0, err
			}
			if kind != websocket.BinaryMessage {
				return 0, errors.New("the hub sent text over the WebSocket")
			}
			s.message = message
		}
		n, err := s.message.Read(p)
		if err == io.EOF {
			s.message, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Write sends p as one message. It is not to be called twice at a time.
func (s *webStream) Write(p []byte) (int, error) {
	if err := s.socket.WriteMessage(websocket.BinaryMessage, p); err != nil {
		return 0, err
	}
	return len(p), nil
}
