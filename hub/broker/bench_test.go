package broker

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"
)

// counter takes messages as fast as they come.
type counter struct {
	*desk
	each chan struct{}
}

func (c counter) Message(context.Context, *Client, Message) { c.each <- struct{}{} }

// benchClient is a device that has subscribed to its receipts.
func benchClient(b *testing.B, handler Handler) (*Broker, net.Conn) {
	b.Helper()
	broker, err := New(Options{MQTT: "127.0.0.1:0", Handler: handler, Logger: discard})
	if err != nil {
		b.Fatal(err)
	}
	broker.Start()
	b.Cleanup(func() { broker.Close(context.Background()) })
	conn, err := net.Dial("tcp", broker.Addrs().MQTT.String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	r := &raw{version: 4}
	conn.Write(append(device("alpha", deviceID("A", 1)).packet(), r.subscribePacket(7, receipts)...))
	if _, err := io.ReadFull(conn, make([]byte, 4+5)); err != nil { // CONNACK and SUBACK
		b.Fatal(err)
	}
	return broker, conn
}

func BenchmarkMessage(b *testing.B) {
	for _, size := range []int{300, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			handler := counter{newDesk(), make(chan struct{}, 1000)}
			_, conn := benchClient(b, handler)
			p := (&raw{version: 4}).publishPacket("sitesync/v1/site/6/push", string(make([]byte, size)), 0, nil)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			go func() {
				for range b.N {
					conn.Write(p)
				}
			}()
			for range b.N {
				<-handler.each
			}
		})
	}
}

func BenchmarkSend(b *testing.B) {
	for _, size := range []int{300, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			broker, conn := benchClient(b, newDesk())
			c, _ := broker.Live(6)
			payload := make([]byte, size)
			head := (&outgoing{topicName: receipts, payload: payload}).header(4)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			go func() {
				for range b.N {
					for broker.Send(c, receipts, payload) != nil {
						<-c.queue.wait()
					}
				}
			}()
			if _, err := io.CopyN(io.Discard, conn, int64(b.N)*int64(len(head)+size)); err != nil {
				b.Fatal(err)
			}
		})
	}
}
