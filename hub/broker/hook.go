package broker

import (
	"math"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"sitesync/shared/topic"
)

// hook is the only hook in mochi, which asks all hooks and is content when one
// agrees. Its methods run on the goroutine that serves the connection.
type hook struct {
	mqtt.HookBase
	broker *Broker
}

func (h *hook) ID() string { return "sitesync" }

func (h *hook) Provides(method byte) bool {
	return method == mqtt.OnACLCheck || method == mqtt.OnPublish
}

// newServer makes the mochi server. It is never told to Serve, and no client is
// put on its list: see the package comment.
func newServer(b *Broker) (*mqtt.Server, error) {
	capabilities := mqtt.NewDefaultServerCapabilities()
	capabilities.MaximumPacketSize = uint32(min(int64(b.limits.Packet)+1+lengthDigits, math.MaxUint32))
	capabilities.MaximumClientWritesPending = 0 // its queue is not used
	capabilities.MaximumSessionExpiryInterval = 0
	capabilities.TopicAliasMaximum = 0
	capabilities.Compatibilities.NoInheritedPropertiesOnAck = true // else PUBACK has code 1, which is none
	server := mqtt.New(&mqtt.Options{
		Capabilities:             capabilities,
		ClientNetReadBufferSize:  512,
		ClientNetWriteBufferSize: 1,       // every packet is one Write
		Logger:                   discard, // it logs whole packets, passwords included
	})
	return server, server.AddHook(&hook{broker: b}, nil)
}

func connOf(cl *mqtt.Client) *conn { return cl.Net.Conn.(*conn) }

// OnACLCheck lets a PUBLISH come to OnPublish, which can answer. mochi never
// sees a subscription.
func (h *hook) OnACLCheck(_ *mqtt.Client, _ string, write bool) bool { return write }

// OnPublish hands what a client publishes to the handler and ends its way
// there: CodeSuccessIgnore lets mochi acknowledge it, and neither route nor
// retain it.
func (h *hook) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	c := connOf(cl)
	t := topic.Parse(pk.TopicName)
	if !c.client.mayPublish(t) {
		return pk, h.forbidden(cl, pk)
	}
	h.broker.counts.messages.Add(1)
	c.calling = true
	h.broker.handler.Message(c.client.ctx, c.client, Message{
		Topic:           t,
		TopicName:       pk.TopicName,
		Payload:         pk.Payload,
		QoS:             pk.FixedHeader.Qos,
		ResponseTopic:   pk.Properties.ResponseTopic,
		CorrelationData: pk.Properties.CorrelationData,
	})
	c.calling = false
	return pk, packets.CodeSuccessIgnore
}

// forbidden answers a PUBLISH where the client must not: a device is cut off; a
// person is told if MQTT can tell (5, QoS 1 and 2), else it is acknowledged.
func (h *hook) forbidden(cl *mqtt.Client, pk packets.Packet) error {
	client := connOf(cl).client
	h.broker.forbidden(client, "publish refused", pk.TopicName)
	if client.Kind == Device {
		client.Close(NotAuthorized)
		return packets.ErrRejectPacket
	}
	if client.Version < 5 || pk.FixedHeader.Qos == 0 {
		return packets.CodeSuccessIgnore
	}
	ack := packets.Packet{PacketID: pk.PacketID, ReasonCode: packets.ErrNotAuthorized.Code}
	ack.FixedHeader.Type = packets.Puback
	if pk.FixedHeader.Qos == 2 {
		ack.FixedHeader.Type = packets.Pubrec
	}
	cl.WritePacket(ack) // if it fails the connection has closed
	return packets.ErrRejectPacket
}
