package e2e

import (
	"fmt"
	"strings"
	"testing"

	"sitesync/hub/rig"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
	"sitesync/shared/wire"
)

// TestNeighbourNotDisturbed: what a device pushes into another site's store
// goes to quarantine, and that site's device is sent nothing for it. Its link
// may be a slow one, and it has not asked for anything.
func TestNeighbourNotDisturbed(t *testing.T) {
	hub := startHub(t)
	good, _, err := hub.Register("nadi", password, "NAD1")
	check(t, err)
	evil, _, err := hub.Register("suva", password)
	check(t, err)
	news := listen(t, hub, topic.ForSite(sitesync.SiteID(evil), topic.Status))
	neighbour := greeted(t, hub, "nadi", "good")
	check(t, neighbour.subscribe(topic.ForSite(sitesync.SiteID(good), topic.Assignment)))
	d, foreign := greeted(t, hub, "suva", "evil"), storeAtHub(t, hub, "NAD1")
	// What follows a commit runs in order, so all before it is through when the
	// status is out.
	told := func(text string) {
		news.status(evil, func(s sitesync.SiteStatus) bool {
			return s.Problem != nil && strings.HasPrefix(s.Problem.Message, text)
		})
	}
	d.intrude(foreign, 1)
	told("1 change ")
	neighbour.forget() // what a device's first session brings, told with its next message
	neighbour.forget()
	d.intrude(foreign, 5)
	told("5 changes ")
	neighbour.quiet()
	check(t, hub.Stop())
}

// forget drops what has come by the time the hub has dealt with all that was
// sent so far.
func (d *device) forget() {
	d.t.Helper()
	d.stream++
	d.send(topic.ForSite(d.welcome.Site, topic.Pull), wire.Encode(d.welcome.Session, 0, &wire.Pull{Stream: d.stream, Credit: 1 << 20}))
	for topic.Parse((<-d.in).topic).Kind != topic.Changes {
	}
}

// intrude pushes changes into a store of another site, each in a batch of its
// own.
func (d *device) intrude(foreign sitesync.Store, pushes uint64) {
	d.t.Helper()
	chain := sitesync.Chain{}
	for n := uint64(1); n <= pushes; n++ {
		changes := one(fmt.Sprint("r-", n))
		d.push(d.welcome.Session, foreign.ID, &wire.Push{Epoch: foreign.Epoch, First: n, Chain: chain, Changes: changes, Confirmed: n - 1})
		if r := await[wire.Receipt](d, topic.Receipt); r.Settled != n {
			d.t.Fatalf("the receipt is %+v", r)
		}
		hasher := sitesync.NewHasher()
		chain = hasher.Next(chain, &changes[0], hasher.Record(changes[0].Table, changes[0].ID, changes[0].Data))
	}
}

// TestProposalAfterRefusal: a device that was kept out does not hear commands
// before it has its welcome. What was proposed to it meanwhile reaches it all
// the same, in the session that it then has.
func TestProposalAfterRefusal(t *testing.T) {
	hub := startHub(t)
	good, j, err := hub.Register("nadi", password, "NAD1")
	check(t, err)
	_, _, err = hub.Register("suva", password)
	check(t, err)
	agent := joinWith(t, "good", j, "--credential-retry", "300ms")
	check(t, agent.Writable("NAD1", patience))
	greeted(t, hub, "suva", "evil").intrude(storeAtHub(t, hub, "NAD1"), 1)

	edit(t, hub, good, map[string]any{"enabled": false})
	problem(t, agent, sitesync.LinkRefused, sitesync.ProblemDisabled)
	item := inQuarantine(t, hub, "open")[0]
	check(t, hub.Call("quarantine.apply", map[string]any{"item": item.ID}, nil))
	edit(t, hub, good, map[string]any{"enabled": true})
	online(t, agent)
	check(t, rig.Until(patience, func() (bool, error) {
		return len(inQuarantine(t, hub, "applied")) == 1, nil
	}))
	check(t, agent.Sent(patience))
	equal(t, hub, agent, "NAD1", 1)
}

// TestDeletedSiteTold: the device of a deleted site goes on trying for ever.
// People hear of it once.
func TestDeletedSiteTold(t *testing.T) {
	hub := startHub(t)
	site, _, err := hub.Register("nadi", password)
	check(t, err)
	other, _, err := hub.Register("suva", password)
	check(t, err)
	news := listen(t, hub, topic.AllEvents)
	credential := greeted(t, hub, "nadi", "device").welcome.Credential
	check(t, hub.Call("site.delete", map[string]any{"site": site}, nil))
	for range 10 {
		d, err := dialDevice(hub, "nadi", credential, "device")
		check(t, err)
		d.t = t
		check(t, d.subscribe(topic.ForDevice(d.client, topic.Welcome)))
		hello := wire.SplitHello(wire.Hello{Replica: d.replica, Version: "1", Type: sitesync.TypeMobile})
		d.send(topic.ForDevice(d.client, topic.Hello), wire.Encode(0, 0, hello[0]))
		if w := await[wire.Welcome](d, topic.Welcome); w.Refused != wire.RefusedDeleted {
			t.Fatalf("welcome %+v", w)
		}
		d.session.Close()
	}
	greeted(t, hub, "suva", "another")
	news.event(sitesync.EventSiteOnline, other) // by then all before it has been heard
	if told := news.events(sitesync.EventSiteRefused, site); len(told) != 1 {
		t.Errorf("told %d times: %+v", len(told), told)
	}
	check(t, hub.Stop())
}

// TestAssignmentsOfManyMoves moves many stores away from a site at once: its
// device is told with each of them, and not once more for what the edit named.
func TestAssignmentsOfManyMoves(t *testing.T) {
	const stores = 20
	hub := startHub(t)
	var codes []string
	for i := range stores {
		codes = append(codes, fmt.Sprint("S", i))
	}
	site, _, err := hub.Register("nadi", password, codes...)
	check(t, err)
	d := greeted(t, hub, "nadi", "device")
	check(t, d.subscribe(topic.ForSite(sitesync.SiteID(site), topic.Assignment)))
	d.forget()
	d.forget()
	edit(t, hub, site, map[string]any{"removeStores": codes})
	told := 0
	check(t, rig.Until(patience, func() (bool, error) {
		for len(d.in) > 0 {
			m := <-d.in
			_, a, err := wire.Decode[wire.Assignment](m.payload)
			if told++; err != nil {
				return false, err
			}
			owned := 0
			for _, s := range a.Stores {
				if s.Phase != sitesync.PhaseReleased {
					owned++
				}
			}
			if owned == 0 {
				return true, nil
			}
		}
		return false, nil
	}))
	t.Logf("%d assignments told of %d moves", told, stores)
	if told > stores*3/2 {
		t.Errorf("%d assignments told of %d moves", told, stores)
	}
	check(t, hub.Stop())
}
