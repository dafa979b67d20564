package broker

import (
	"errors"
	"fmt"
	"math"

	"sitesync/shared/sitesync"
)

// Publish sends a message to every person who has subscribed to its topic, and
// never waits: one whose queue is full misses it, which Stats counts. With
// retain it is kept, in memory, for those who subscribe later; an empty
// payload then clears the topic. The payload must not be changed afterwards.
func (b *Broker) Publish(topicName string, payload []byte, retain bool) error {
	if err := checkOutgoing(topicName, nil); err != nil {
		return err
	}
	dropped := b.audience.publish(topicName, payload, retain)
	b.counts.dropped.Add(uint64(dropped))
	return nil
}

// Send sends a message to one client, which must have subscribed to its topic,
// and never waits. The caller keeps to what the client allowed: a full queue
// is ErrQueueFull and counted as a defect in Stats, never a silent loss. The
// payload must not be changed afterwards; many clients may share it.
func (b *Broker) Send(c *Client, topicName string, payload []byte) error {
	if err := checkOutgoing(topicName, nil); err != nil {
		return err
	}
	if _, ok := c.subscribed(topicName); !ok {
		return ErrNotSubscribed
	}
	err := c.push(&outgoing{topicName: topicName, payload: payload})
	if lost(err) {
		b.counts.defects.Add(1)
	}
	return err
}

// Reply answers a person: all connections of that name that have subscribed to
// the topic get it, those of MQTT 5 with the correlation data. It is
// ErrNotSubscribed when nobody listens, and ErrQueueFull or ErrTooLarge when
// one of them could not take it.
func (b *Broker) Reply(user, topicName string, payload, correlation []byte) error {
	if err := checkOutgoing(topicName, correlation); err != nil {
		return err
	}
	result := ErrNotSubscribed
	for _, c := range b.audience.clients(user) {
		if _, ok := c.subscribed(topicName); !ok {
			continue
		}
		switch err := c.push(&outgoing{topicName: topicName, payload: payload, correlation: correlation}); {
		case lost(err):
			b.counts.dropped.Add(1)
			result = err
		case err == nil && errors.Is(result, ErrNotSubscribed):
			result = nil
		}
	}
	return result
}

// lost says whether err means that a client who listens missed a message.
func lost(err error) bool { return errors.Is(err, ErrQueueFull) || errors.Is(err, ErrTooLarge) }

// checkOutgoing holds lengths against what MQTT can write.
func checkOutgoing(topicName string, correlation []byte) error {
	if topicName == "" || len(topicName) > math.MaxUint16 || len(correlation) > math.MaxUint16 {
		return fmt.Errorf("broker: a topic of %d bytes with correlation data of %d cannot be sent", len(topicName), len(correlation))
	}
	return nil
}

// Live gives the live session of a site.
func (b *Broker) Live(site sitesync.SiteID) (*Client, bool) { return b.sessions.ofSite(site) }

// Disconnect closes the live session of a site and reports whether there was
// one.
func (b *Broker) Disconnect(site sitesync.SiteID, reason Reason) bool {
	c, ok := b.Live(site)
	if ok {
		c.Close(reason)
	}
	return ok
}

// Clients gives the connections of a user or token.
func (b *Broker) Clients(name string) []*Client { return b.audience.clients(name) }
