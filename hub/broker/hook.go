package broker

import (
	"math"
	"slices"
	"strings"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"sitesync/shared/topic"
)

// hook is the only hook in mochi, which asks all hooks and is content when one
// agrees. All its methods run on the goroutine that serves the connection.
type hook struct {
	mqtt.HookBase
	broker *Broker
}

func (h *hook) ID() string { return "sitesync" }

func (h *hook) Provides(method byte) bool {
	return slices.Contains([]byte{
		mqtt.OnConnect, mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnPacketRead, mqtt.OnPublish,
		mqtt.OnSubscribe, mqtt.OnUnsubscribe, mqtt.OnPacketProcessed, mqtt.OnPacketEncode,
	}, method)
}

// newServer makes the mochi server. It is never told to Serve: that would start
// its housekeeping, see the package comment.
func newServer(b *Broker) (*mqtt.Server, error) {
	capabilities := mqtt.NewDefaultServerCapabilities()
	capabilities.MaximumPacketSize = uint32(min(b.limits.Packet+1+lengthDigits, math.MaxUint32))
	capabilities.MaximumClientWritesPending = 1 // its queue is not used
	capabilities.MaximumMessageExpiryInterval = 0
	capabilities.MaximumSessionExpiryInterval = 0
	capabilities.MinimumProtocolVersion = 4
	capabilities.ReceiveMaximum = 64
	capabilities.TopicAliasMaximum = 0
	capabilities.SharedSubAvailable = 0
	capabilities.SubIDAvailable = 0
	capabilities.Compatibilities.NoInheritedPropertiesOnAck = true // else PUBACK has code 1, which is none
	server := mqtt.New(&mqtt.Options{
		Capabilities:             capabilities,
		ClientNetReadBufferSize:  512,
		ClientNetWriteBufferSize: 1, // every packet is one Write
		Logger:                   discard,
	})
	return server, server.AddHook(&hook{broker: b}, nil)
}

func connOf(cl *mqtt.Client) *conn { return cl.Net.Conn.(*conn) }

// OnConnect decides about a login. mochi's own refusals have the wrong numbers
// for 3.1.1, so this one sends them itself.
func (h *hook) OnConnect(cl *mqtt.Client, pk packets.Packet) error {
	c := connOf(cl)
	refusal := h.broker.login(c, cl, pk)
	if refusal == 0 {
		return nil
	}
	h.broker.counts.refused.Add(1)
	h.broker.log.Debug("login refused", logClient, clip(pk.Connect.ClientIdentifier), logReason, refusal)
	code := packets.Code{Code: refusal.code(pk.ProtocolVersion), Reason: refusal.Error()}
	if err := h.broker.server.SendConnack(cl, code, false, nil); err != nil {
		return err
	}
	c.linger()
	return refusal
}

// OnConnectAuthenticate repeats what OnConnect found.
func (h *hook) OnConnectAuthenticate(cl *mqtt.Client, _ packets.Packet) bool {
	return connOf(cl).accepted
}

// OnACLCheck keeps every subscription out of mochi's topic tree. The answer the
// client gets is that of OnSubscribe. Publishing is decided in OnPublish.
func (h *hook) OnACLCheck(_ *mqtt.Client, _ string, write bool) bool { return write }

// OnPacketRead brings a PUBLISH below $SYS to OnPublish, as a topic that nobody
// may use: mochi would swallow it without a word.
func (h *hook) OnPacketRead(_ *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if pk.FixedHeader.Type == packets.Publish && strings.HasPrefix(pk.TopicName, "$") {
		pk.TopicName = "/" + pk.TopicName
	}
	return pk, nil
}

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

// OnSubscribe decides about filters; the codes go out with the SUBACK.
func (h *hook) OnSubscribe(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	c := connOf(cl)
	c.codes, c.replays = c.client.subscribe(pk.Filters)
	return pk
}

// OnUnsubscribe forgets filters.
func (h *hook) OnUnsubscribe(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	c := connOf(cl)
	c.codes = c.client.unsubscribe(pk.Filters)
	return pk
}

// OnPacketProcessed sends retained messages after the SUBACK.
func (h *hook) OnPacketProcessed(cl *mqtt.Client, _ packets.Packet, _ error) {
	c := connOf(cl)
	for _, filter := range c.replays {
		h.broker.audience.replay(c.client, filter)
	}
	c.replays = nil
}

// OnPacketEncode puts right what mochi is about to send.
func (h *hook) OnPacketEncode(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	c := connOf(cl)
	switch pk.FixedHeader.Type {
	case packets.Suback, packets.Unsuback:
		pk.ReasonCodes = c.codes
	case packets.Connack:
		pk.ReasonCode = connackCode(cl.Properties.ProtocolVersion, pk)
		if c.accepted {
			h.announce(c, &pk.Properties)
		}
	}
	return pk
}

// announce tells an MQTT 5 client what there is and is not.
func (h *hook) announce(c *conn, properties *packets.Properties) {
	properties.MaximumPacketSize = uint32(c.limit)
	properties.SharedSubAvailableFlag = true // and the value 0: not available
	properties.SubIDAvailableFlag = true
	if c.client.Kind == Person {
		properties.ResponseInfo = strings.TrimSuffix(topic.Replies(c.client.Name), "#")
	}
}

// connackCode puts the number right with which mochi itself refuses, before
// OnConnect: an empty password is a bad one, and other versions than 5 have no
// code beyond 5.
func connackCode(version byte, pk packets.Packet) byte {
	noPassword := pk.Properties.ReasonString == packets.ErrProtocolViolationFlagNoPassword.Reason
	switch {
	case pk.ReasonCode < packets.ErrUnspecifiedError.Code:
		return pk.ReasonCode
	case noPassword:
		return RefuseBadCredentials.code(version)
	case version == 5:
		return pk.ReasonCode
	case pk.ReasonCode == packets.ErrUnspecifiedError.Code: // no client ID, and not a clean session
		return packets.Err3ClientIdentifierNotValid.Code
	}
	return packets.Err3UnsupportedProtocolVersion.Code
}
