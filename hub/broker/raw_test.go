package broker

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// Packet types and codes as they stand on the wire.
const (
	wireConnect     = 1
	wireConnack     = 2
	wirePublish     = 3
	wirePuback      = 4
	wirePubrec      = 5
	wirePubrel      = 6
	wirePubcomp     = 7
	wireSubscribe   = 8
	wireSuback      = 9
	wireUnsubscribe = 10
	wireUnsuback    = 11
	wirePingreq     = 12
	wirePingresp    = 13
	wireDisconnect  = 14
)

// raw is a client that writes and reads packets byte by byte, of 3.1.1 and 5.
type raw struct {
	t       *testing.T
	conn    net.Conn
	in      *bufio.Reader
	version byte
}

// login is what a raw client says in CONNECT.
type login struct {
	id, user, password string
	version            byte // 4 when 0
	keepalive          uint16
	keep               bool   // not a clean session
	will               bool   // with a will
	properties         []byte // of MQTT 5
}

func dial(t *testing.T, b *Broker) *raw {
	t.Helper()
	return dialAddr(t, b.Addrs().MQTT.String())
}

func dialAddr(t *testing.T, addr string) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return over(t, conn)
}

func over(t *testing.T, conn net.Conn) *raw {
	t.Cleanup(func() { conn.Close() })
	return &raw{t: t, conn: conn, in: bufio.NewReaderSize(conn, 256), version: 4}
}

// join connects and must be accepted.
func join(t *testing.T, b *Broker, l login) *raw {
	t.Helper()
	r := dial(t, b)
	if code := r.connect(l); code != 0 {
		t.Fatalf("CONNACK of %s as %s: %#x", l.user, l.id, code)
	}
	return r
}

// refused gives the code with which a login is refused.
func refused(t *testing.T, b *Broker, l login) byte {
	t.Helper()
	r := dial(t, b)
	defer r.conn.Close()
	return r.connect(l)
}

func text(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

func packet(first byte, body ...[]byte) []byte {
	var all []byte
	for _, b := range body {
		all = append(all, b...)
	}
	return append(binary.AppendUvarint([]byte{first}, uint64(len(all))), all...)
}

// sized is a property list with its length.
func sized(properties []byte) []byte {
	return append(binary.AppendUvarint(nil, uint64(len(properties))), properties...)
}

func (l login) packet() []byte {
	if l.version == 0 {
		l.version = 4
	}
	flags := byte(0xC0)
	if !l.keep {
		flags |= 0x02
	}
	if l.will {
		flags |= 0x04
	}
	body := append(text("MQTT"), l.version, flags, byte(l.keepalive>>8), byte(l.keepalive))
	if l.version == 5 {
		body = append(body, sized(l.properties)...)
	}
	body = append(body, text(l.id)...)
	if l.will {
		if l.version == 5 {
			body = append(body, 0)
		}
		body = append(body, text("sitesync/v1/site/6/status")...)
		body = append(body, text("gone")...)
	}
	body = append(body, text(l.user)...)
	body = append(body, text(l.password)...)
	return packet(wireConnect<<4, body)
}

// connect sends CONNECT and gives the code of CONNACK.
func (r *raw) connect(l login) byte {
	r.t.Helper()
	code, _ := r.connectProperties(l)
	return code
}

func (r *raw) connectProperties(l login) (code byte, properties []byte) {
	r.t.Helper()
	if l.version != 0 {
		r.version = l.version
	}
	r.send(l.packet())
	body := r.expect(wireConnack)
	if len(body) < 2 {
		r.t.Fatalf("CONNACK is %x", body)
	}
	if l.version == 5 {
		properties = body[3:]
	} else if len(body) != 2 {
		r.t.Fatalf("CONNACK of 3.1.1 is %x", body)
	}
	return body[1], properties
}

func (r *raw) send(p []byte) {
	r.t.Helper()
	r.conn.SetWriteDeadline(time.Now().Add(patience))
	if _, err := r.conn.Write(p); err != nil {
		r.t.Fatalf("write: %v", err)
	}
}

// read gives the next packet.
func (r *raw) read() (first byte, body []byte, err error) {
	r.conn.SetReadDeadline(time.Now().Add(patience))
	first, err = r.in.ReadByte()
	if err != nil {
		return 0, nil, err
	}
	n, err := binary.ReadUvarint(r.in)
	if err != nil {
		return 0, nil, err
	}
	body = make([]byte, n)
	_, err = io.ReadFull(r.in, body)
	return first, body, err
}

// expect reads a packet of one type.
func (r *raw) expect(kind byte) []byte {
	r.t.Helper()
	first, body, err := r.read()
	if err != nil {
		r.t.Fatalf("waiting for packet type %d: %v", kind, err)
	}
	if first>>4 != kind {
		r.t.Fatalf("got packet type %d (%x) for %d", first>>4, body, kind)
	}
	return body
}

// closes reads until the broker closes the connection.
func (r *raw) closes() {
	r.t.Helper()
	for {
		_, _, err := r.read()
		if err == nil {
			continue
		}
		if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
			r.t.Fatal("the broker did not close the connection")
		}
		return
	}
}

// ping makes sure that all sent before has been taken.
func (r *raw) ping() {
	r.t.Helper()
	r.send([]byte{wirePingreq << 4, 0})
	r.expect(wirePingresp)
}

func (r *raw) subscribePacket(id uint16, filters ...string) []byte {
	body := binary.BigEndian.AppendUint16(nil, id)
	if r.version == 5 {
		body = append(body, 0)
	}
	for _, f := range filters {
		body = append(append(body, text(f)...), 1) // asks for QoS 1
	}
	return packet(wireSubscribe<<4|2, body)
}

// subscribe gives the codes of the SUBACK.
func (r *raw) subscribe(filters ...string) []byte {
	r.t.Helper()
	r.send(r.subscribePacket(7, filters...))
	return r.codes(wireSuback)
}

func (r *raw) unsubscribe(filters ...string) []byte {
	r.t.Helper()
	body := binary.BigEndian.AppendUint16(nil, 8)
	if r.version == 5 {
		body = append(body, 0)
	}
	for _, f := range filters {
		body = append(body, text(f)...)
	}
	r.send(packet(wireUnsubscribe<<4|2, body))
	return r.codes(wireUnsuback)
}

func (r *raw) codes(kind byte) []byte {
	r.t.Helper()
	body := r.expect(kind)[2:]
	if r.version == 5 {
		body = body[1+body[0]:]
	}
	return body
}

func (r *raw) publishPacket(topicName, payload string, qos byte, properties []byte) []byte {
	body := text(topicName)
	if qos > 0 {
		body = binary.BigEndian.AppendUint16(body, 9)
	}
	if r.version == 5 {
		body = append(body, sized(properties)...)
	}
	return packet(wirePublish<<4|qos<<1, body, []byte(payload))
}

func (r *raw) publish(topicName, payload string, qos byte) {
	r.t.Helper()
	r.send(r.publishPacket(topicName, payload, qos, nil))
}

// delivery is a PUBLISH that a client got.
type delivery struct {
	topic, payload string
	properties     []byte
	retain         bool
}

func (r *raw) delivery() delivery {
	r.t.Helper()
	first, body, err := r.read()
	if err != nil || first>>4 != wirePublish {
		r.t.Fatalf("waiting for a message: got %x %x, %v", first, body, err)
	}
	if first&0x06 != 0 {
		r.t.Fatalf("a message came with QoS %d", first>>1&3)
	}
	n := 2 + int(binary.BigEndian.Uint16(body))
	d := delivery{topic: string(body[2:n]), retain: first&1 != 0}
	body = body[n:]
	if r.version == 5 {
		size, digits := binary.Uvarint(body)
		d.properties = body[digits : digits+int(size)]
		body = body[digits+int(size):]
	}
	d.payload = string(body)
	return d
}

// device and person are logins that the desk accepts.
func device(site, id string) login  { return login{id: id, user: "site/" + site, password: "right"} }
func person(name, id string) login  { return login{id: id, user: "user/" + name, password: "right"} }
func (l login) v5() login           { l.version = 5; return l }
func (l login) with(p string) login { l.password = p; return l }
