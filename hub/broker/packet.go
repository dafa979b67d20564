package broker

import "encoding/binary"

const (
	packetConnack    = 0x20
	packetPublish    = 0x30
	packetDisconnect = 0xE0
	flagRetain       = 0x01

	propertyCorrelationData = 0x09
)

// outgoing is a PUBLISH with QoS 0 before it is encoded for one client.
type outgoing struct {
	topicName   string
	payload     []byte
	correlation []byte // MQTT 5 only
	retain      bool
}

// header encodes everything before the payload.
func (o *outgoing) header(version byte) []byte {
	var properties []byte
	if version == 5 {
		properties = o.properties()
	}
	length := 2 + len(o.topicName) + len(properties) + len(o.payload)
	b := make([]byte, 0, 1+lengthDigits+length-len(o.payload))
	if o.retain {
		b = append(b, packetPublish|flagRetain)
	} else {
		b = append(b, packetPublish)
	}
	b = binary.AppendUvarint(b, uint64(length)) // MQTT's variable byte integer is a uvarint
	b = binary.BigEndian.AppendUint16(b, uint16(len(o.topicName)))
	b = append(b, o.topicName...)
	return append(b, properties...)
}

func (o *outgoing) properties() []byte {
	if len(o.correlation) == 0 {
		return []byte{0}
	}
	n := 3 + len(o.correlation)
	b := binary.AppendUvarint(nil, uint64(n))
	b = append(b, propertyCorrelationData)
	b = binary.BigEndian.AppendUint16(b, uint16(len(o.correlation)))
	return append(b, o.correlation...)
}

// farewell is the DISCONNECT that tells a client why, or nothing for 3.1.1,
// which has no such packet from a server.
func farewell(version byte, reason Reason) []byte {
	if version < 5 {
		return nil
	}
	return []byte{packetDisconnect, 2, byte(reason), 0}
}
