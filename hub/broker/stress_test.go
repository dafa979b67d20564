package broker

import (
	"fmt"
	"sync"
	"testing"
)

// TestReconnects: a device connects again and again, while its old connection
// is being closed from either end. Every new session hears what it is sent.
func TestReconnects(t *testing.T) {
	b, d := start(t, nil)
	id := deviceID("A", 1)
	var closing sync.WaitGroup
	defer closing.Wait()
	for session := range 200 {
		r := join(t, b, device("alpha", id))
		c, ok := b.Live(6)
		if !ok || c.Session != uint64(session+1) {
			t.Fatalf("session %d is not the live one", session+1)
		}
		r.subscribe(receipts)
		want := fmt.Sprint("for session ", session+1)
		if err := b.Send(c, receipts, []byte(want)); err != nil {
			t.Fatalf("session %d: %v", session+1, err)
		}
		if got := r.delivery(); got.payload != want {
			t.Fatalf("session %d got %+v", session+1, got)
		}
		closing.Go(func() {
			switch session % 3 {
			case 0:
				r.conn.Close()
			case 1:
				r.conn.Write([]byte{wireDisconnect << 4, 0})
			} // case 2: taken over
		})
	}
	await(t, "all but the last closed", func() bool { return len(d.ends) >= 199 })
}

// TestReconnectsOfMany lets persons and devices reconnect at once, and
// publishes at each turn.
func TestReconnectsOfMany(t *testing.T) {
	b, _ := start(t, nil)
	turns := make(chan struct{}, 1000)
	var publishing sync.WaitGroup
	publishing.Go(func() {
		site := 0
		for range turns {
			for range 20 {
				site = (site + 1) % 100
				b.Publish(fmt.Sprintf("sitesync/v1/site/%d/status", site), []byte("{}"), true)
			}
		}
	})
	var clients sync.WaitGroup
	for i, l := range []login{
		device("alpha", deviceID("A", 1)), device("beta", deviceID("B", 1)), person("alice", "a"), person("alice", "b").v5(),
	} {
		clients.Go(func() {
			for range 50 {
				turns <- struct{}{}
				r := join(t, b, l)
				if i < 2 {
					r.subscribe(fmt.Sprintf("sitesync/v1/site/%d/receipt", i+6))
					r.ping()
					continue
				}
				r.send(r.subscribePacket(7, "sitesync/v1/site/+/status"))
				r.expectSubackAmongMessages()
				r.delivery()
			}
		})
	}
	clients.Wait()
	close(turns)
	publishing.Wait()
	await(t, "one session of each", func() bool { s := b.Stats(); return s.Devices == 2 && s.Persons == 2 })
	if s := b.Stats(); s.Defects != 0 {
		t.Errorf("%+v", s)
	}
}
