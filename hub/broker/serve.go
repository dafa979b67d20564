package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// serve runs a connection to its end. mochi's decoder can be made to panic, by
// a SUBSCRIBE of MQTT 5 cut short: that ends the connection, not the hub. A
// panic in the handler is not held up.
func (b *Broker) serve(c *conn) {
	var err error
	defer func() {
		if c.calling {
			return
		}
		if bad := recover(); bad != nil {
			err = b.undecodable(c, bad)
		}
		b.finish(c, err)
	}()
	if secure, ok := c.Conn.(*tls.Conn); ok {
		if err = secure.Handshake(); err != nil {
			b.turnAway(c, "no TLS handshake", err)
			return
		}
	}
	cl := b.server.NewClient(c, c.transport, "", false)
	defer cl.Stop(nil)
	if err = b.handshake(c, cl); err == nil {
		err = b.follow(c, cl)
	}
}

func (b *Broker) undecodable(c *conn, bad any) error {
	err := fmt.Errorf("packet that cannot be decoded: %v", bad)
	b.counts.panics.Add(1)
	b.hostile.Do(func() {
		b.log.Error("packet made the decoder panic", logRemote, c.RemoteAddr(), logError, err, logStack, string(debug.Stack()))
	})
	return err
}

// follow takes the client's packets one by one. It waits here, above process
// and not in it, because mochi's functions have frames of kilobytes: the stack
// of an idle connection can shrink.
func (b *Broker) follow(c *conn, cl *mqtt.Client) error {
	for !cl.Closed() {
		c.expectPacket()
		var header packets.FixedHeader
		err := cl.ReadFixedHeader(&header)
		if err == nil {
			err = b.process(c, cl, &header)
		}
		if err != nil {
			c.blame(err)
			return err
		}
	}
	return nil
}

// process takes one packet. mochi sees to acknowledgements and the flows of
// QoS 2, and comes back in OnPublish; subscriptions it never sees.
//
//go:noinline
func (b *Broker) process(c *conn, cl *mqtt.Client, header *packets.FixedHeader) error {
	pk, err := cl.ReadPacket(header)
	if err != nil {
		return err
	}
	switch header.Type {
	case packets.Subscribe:
		return b.subscribe(c.client, cl, pk)
	case packets.Unsubscribe:
		return b.unsubscribe(c.client, cl, pk)
	case packets.Publish:
		if strings.HasPrefix(pk.TopicName, "$") {
			pk.TopicName = "/" + pk.TopicName // forbidden like any other; mochi would swallow it without a word
		}
	}
	return b.server.InjectPacket(cl, pk)
}

func (b *Broker) subscribe(c *Client, cl *mqtt.Client, pk packets.Packet) error {
	if code := pk.SubscribeValidate(); code != packets.CodeSuccess {
		return code
	}
	codes, replays := c.subscribe(pk.Filters)
	if err := acknowledge(cl, packets.Suback, pk.PacketID, codes); err != nil {
		return err
	}
	for _, filter := range replays {
		b.audience.replay(c, filter)
	}
	return nil
}

func (b *Broker) unsubscribe(c *Client, cl *mqtt.Client, pk packets.Packet) error {
	if code := pk.UnsubscribeValidate(); code != packets.CodeSuccess {
		return code
	}
	return acknowledge(cl, packets.Unsuback, pk.PacketID, c.unsubscribe(pk.Filters))
}

func acknowledge(cl *mqtt.Client, kind byte, id uint16, codes []byte) error {
	return cl.WritePacket(packets.Packet{FixedHeader: packets.FixedHeader{Type: kind}, PacketID: id, ReasonCodes: codes})
}

// finish forgets a connection that has ended, however it has.
func (b *Broker) finish(c *conn, err error) {
	c.Close()
	c.leave()
	b.sessions.exit(c)
	client := c.client
	if client == nil {
		return
	}
	client.queue.close()
	b.audience.leave(client)
	why := client.why(err)
	client.end(nil)
	b.log.Debug("connection ended", logClient, client.ClientID, logReason, why)
	b.handler.Closed(client, why)
}

// why is what Closed is told.
func (c *Client) why(err error) error {
	if cause := context.Cause(c.ctx); cause != nil {
		return cause
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("silent for too long: %w", err)
	}
	return err
}
