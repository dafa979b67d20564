package broker

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// Client is one accepted connection. Principal and Login never change;
// Login.Password is nil.
type Client struct {
	Principal
	Login

	broker  *Broker
	conn    *conn
	largest int // most bytes of a packet it takes; 0 is no limit
	queue   queue
	ctx     context.Context // ends with the connection; its cause is why the hub ended it
	end     context.CancelCauseFunc

	mu            sync.Mutex
	subscriptions []subscription
}

// subscription is one filter of a client.
type subscription struct {
	filter     string
	keepRetain bool // MQTT 5: live messages show that they are retained
}

// replay is a filter for which the retained messages are still to be sent.
type replay string

// Close ends the connection; an MQTT 5 client is told the reason. It does not
// wait for the end, which Handler.Closed tells. Only the first reason counts.
func (c *Client) Close(reason Reason) {
	if c.ctx.Err() != nil {
		return
	}
	c.end(reason)
	c.conn.hangUp(farewell(c.Version, reason))
}

// Finish is Close once the client has taken what is queued for it, or after a
// moment.
func (c *Client) Finish(reason Reason) {
	late := time.NewTimer(farewellTime)
	defer late.Stop()
	for !c.queue.empty() {
		select {
		case <-c.queue.wait():
		case <-late.C:
			c.Close(reason)
			return
		}
	}
	c.Close(reason)
}

// push queues a message for this client.
func (c *Client) push(o *outgoing) error {
	f := frame{header: o.header(c.Version), payload: o.payload}
	if c.largest > 0 && f.size() > c.largest {
		return ErrTooLarge
	}
	return c.queue.push(f, &c.broker.limits, func() {
		c.broker.work.Go(func() { c.queue.drain(c.conn.writePublish) })
	})
}

// subscribed finds the client's subscription that covers a topic.
func (c *Client) subscribed(topicName string) (subscription, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.subscriptions, func(s subscription) bool { return matches(s.filter, topicName) })
	if i < 0 {
		return subscription{}, false
	}
	return c.subscriptions[i], true
}

// subscribe takes the filters of a SUBSCRIBE. It gives the reason code of each
// for the SUBACK, and those whose retained messages are to follow.
func (c *Client) subscribe(filters packets.Subscriptions) (codes []byte, replays []replay) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, wanted := range filters {
		code, isNew := c.addSubscription(wanted)
		codes = append(codes, code)
		granted := code == packets.CodeGrantedQos0.Code
		if granted && (wanted.RetainHandling == 0 || wanted.RetainHandling == 1 && isNew) {
			replays = append(replays, replay(wanted.Filter))
		}
	}
	return codes, replays
}

func (c *Client) addSubscription(wanted packets.Subscription) (code byte, isNew bool) {
	if !c.maySubscribe(wanted.Filter) {
		c.broker.forbidden(c, "subscribe refused", wanted.Filter)
		return c.failure(packets.ErrNotAuthorized), false
	}
	i := slices.IndexFunc(c.subscriptions, func(s subscription) bool { return s.filter == wanted.Filter })
	if i < 0 && len(c.subscriptions) >= c.broker.limits.Subscriptions {
		return c.failure(packets.ErrQuotaExceeded), false
	}
	if i < 0 {
		i = len(c.subscriptions)
		// Cloned, since mochi's string holds the whole packet.
		c.subscriptions = append(c.subscriptions, subscription{filter: strings.Clone(wanted.Filter)})
		isNew = true
	}
	c.subscriptions[i].keepRetain = wanted.RetainAsPublished
	return packets.CodeGrantedQos0.Code, isNew
}

// failure is the number for a refused filter: 3.1.1 knows only one.
func (c *Client) failure(code packets.Code) byte {
	if c.Version < 5 {
		return packets.ErrUnspecifiedError.Code
	}
	return code.Code
}

// unsubscribe gives the reason code of each filter for the UNSUBACK.
func (c *Client) unsubscribe(filters packets.Subscriptions) (codes []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, unwanted := range filters {
		before := len(c.subscriptions)
		c.subscriptions = slices.DeleteFunc(c.subscriptions, func(s subscription) bool { return s.filter == unwanted.Filter })
		if len(c.subscriptions) < before {
			codes = append(codes, packets.CodeSuccess.Code)
		} else {
			codes = append(codes, packets.CodeNoSubscriptionExisted.Code)
		}
	}
	return codes
}
