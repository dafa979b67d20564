package e2e

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"sitesync/hub/rig"
	"sitesync/shared/link"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// TestHostilePerson: a person hears and says no more than people may.
func TestHostilePerson(t *testing.T) {
	hub := startHub(t)
	site, _, err := hub.Register("nadi", password, "NAD1")
	check(t, err)
	id := sitesync.SiteID(site)
	person := listen(t, hub)
	for _, filter := range []string{
		"#", topic.Prefix + "/#", topic.Prefix + "/+/+/+", topic.Replies("other"), topic.Prefix + "/reply/+/+", topic.Prefix + "/reply/#",
		topic.ForSite(id, topic.Push), topic.ForSite(id, topic.Receipt), topic.ForSite(id, topic.Changes), topic.AllResyncs(id),
		topic.Prefix + "/site/+/changes", topic.Prefix + "/device/+/welcome", topic.Prefix + "/admin/+", "$SYS/#",
	} {
		if err := person.session.Subscribe(t.Context(), filter); sitesync.CodeOf(err) != sitesync.CodeForbidden {
			t.Errorf("subscribing to %s: %v, want it refused", filter, err)
		}
	}
	store := storeAtHub(t, hub, "NAD1")
	for session := range uint64(10) {
		for _, m := range []struct {
			kind  topic.Kind
			frame []byte
		}{
			{topic.Push, wire.Encode(session, store.ID, &wire.Push{Epoch: store.Epoch, First: 1, Changes: one("r-0")})},
			{topic.Handover, wire.Encode(session, store.ID, &wire.Handover{Step: wire.Loaded, Handover: store.Handover.ID, Epoch: store.Epoch})},
			{topic.Status, []byte(`{"site":2,"online":true}`)},
		} {
			check(t, person.session.Publish(t.Context(), topic.ForSite(id, m.kind), m.frame))
		}
	}
	check(t, person.session.Publish(t.Context(), topic.Prefix+"/reply/admin/1", []byte(`{"id":"1","ok":true}`)))
	check(t, person.session.Subscribe(t.Context(), topic.AllStatus, topic.AllEvents, topic.Replies("admin")))
	status := person.status(site, func(sitesync.SiteStatus) bool { return true })
	if after := storeAtHub(t, hub, "NAD1"); after.Records != 0 || after.Phase != store.Phase || status.Online {
		t.Errorf("the store is now %+v, the status %+v", after, status)
	}
	if n := len(person.all(topic.Prefix + "/reply/admin/1")); n != 0 {
		t.Errorf("a person's own reply was delivered %d times", n)
	}
	check(t, hub.Stop())
}

// TestHammeredPassword: whoever tries passwords at a site's name locks nobody
// out who has its credential.
func TestHammeredPassword(t *testing.T) {
	hub := startHub(t)
	site, j, err := hub.Register("nadi", password, "NAD1")
	check(t, err)
	agent := join(t, "good", j)
	check(t, agent.Writable("NAD1", patience))
	news := listen(t, hub, topic.AllEvents)

	stop := make(chan struct{})
	tried := 0
	var hammering sync.WaitGroup
	hammering.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			_, err := dialDevice(hub, "nadi", fmt.Sprintf("guess-%d", n), "guesser")
			if refused, ok := errors.AsType[*link.RefusedError](err); !ok || refused.Code != 4 {
				t.Errorf("a wrong password gave %v", err)
				return
			}
			tried++
		}
	})
	check(t, rig.Until(patience, func() (bool, error) { return len(news.events(sitesync.EventSiteRejected, site)) > 0, nil }))
	for i := range 3 {
		agent.Kill()
		check(t, agent.Start())
		began := time.Now()
		online(t, agent)
		t.Logf("back online after %s", time.Since(began))
		put(t, agent, "NAD1", fmt.Sprint(i), `{"a":1}`)
		check(t, agent.Sent(patience))
	}
	close(stop)
	hammering.Wait()
	told := len(news.events(sitesync.EventSiteRejected, site))
	t.Logf("%d passwords tried, %d of them looked at", tried, told)
	if told > 8 || tried < told { // 5 at once, then one a minute
		t.Errorf("people were told of %d guesses", told)
	}
	equal(t, hub, agent, "NAD1", 3)
	check(t, agent.Stop())
	check(t, hub.Stop())
}
