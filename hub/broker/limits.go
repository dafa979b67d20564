package broker

import (
	"cmp"
	"time"
)

// Limits bound what clients can take. A zero field has the default beside it.
type Limits struct {
	Connections        int           // 50,000: established, all transports
	PerPerson          int           // 200: established, of one user or token
	HalfOpen           int           // 4,096: not yet accepted, all transports; more wait in the kernel
	HalfOpenPerAddress int           // 512: of one IPv4 address or IPv6 /64; loopback is free, proxies stand there
	AcceptRate         float64       // 2,000 new connections a second
	AcceptBurst        int           // 4,000
	Handshake          time.Duration // 20 s for the TLS handshake and CONNECT
	Write              time.Duration // 30 s for the client to take 32 KiB
	Refused            time.Duration // 1 min in which a refused session can fetch its welcome
	FirstPacket        int           // 16 KiB: CONNECT
	RefusedPacket      int           // 256 KiB: hello of a refused session
	Packet             int           // 8 MiB: any packet of an accepted client
	Subscriptions      int           // 1,024 filters of one client
	QueueMessages      int           // 256 waiting to be sent to one client
	QueueBytes         int           // 16 MiB of them
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Connections:        cmp.Or(l.Connections, 50_000),
		PerPerson:          cmp.Or(l.PerPerson, 200),
		HalfOpen:           cmp.Or(l.HalfOpen, 4096),
		HalfOpenPerAddress: cmp.Or(l.HalfOpenPerAddress, 512),
		AcceptRate:         cmp.Or(l.AcceptRate, 2000),
		AcceptBurst:        cmp.Or(l.AcceptBurst, 4000),
		Handshake:          cmp.Or(l.Handshake, 20*time.Second),
		Write:              cmp.Or(l.Write, 30*time.Second),
		Refused:            cmp.Or(l.Refused, time.Minute),
		FirstPacket:        cmp.Or(l.FirstPacket, 16<<10),
		RefusedPacket:      cmp.Or(l.RefusedPacket, 256<<10),
		Packet:             cmp.Or(l.Packet, 8<<20),
		Subscriptions:      cmp.Or(l.Subscriptions, 1024),
		QueueMessages:      cmp.Or(l.QueueMessages, 256),
		QueueBytes:         cmp.Or(l.QueueBytes, 16<<20),
	}
}
