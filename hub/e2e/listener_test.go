package e2e

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"sitesync/hub/rig"
	"sitesync/shared/link"
	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
)

// listener is a person who follows topics of a hub.
type listener struct {
	t       *testing.T
	session *link.Session

	mu    sync.Mutex
	heard []heard
}

type heard struct {
	topic   string
	payload []byte
}

// listen logs in as the admin and subscribes.
func listen(t *testing.T, hub *rig.Hub, filters ...string) *listener {
	t.Helper()
	l := &listener{t: t}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	session, err := link.Dial(ctx, link.Config{URL: "mqtt://" + hub.Addresses.MQTT, ClientID: "listener-" + rand.Text(),
		Username: "user/admin", Password: []byte(rig.AdminPassword), OnMessage: l.hear})
	check(t, err)
	t.Cleanup(session.Close)
	l.session = session
	if len(filters) > 0 {
		check(t, session.Subscribe(ctx, filters...))
	}
	return l
}

func (l *listener) hear(name string, payload []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, heard{name, payload})
}

// all gives what was heard so far, on one topic or on all for "".
func (l *listener) all(name string) (list []heard) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.heard {
		if name == "" || h.topic == name {
			list = append(list, h)
		}
	}
	return list
}

// events gives the events of a kind about a site that were heard so far.
func (l *listener) events(kind sitesync.EventKind, site uint64) (list []sitesync.EventMessage) {
	l.t.Helper()
	for _, h := range l.all(topic.Topic{Kind: topic.Event, Name: string(kind)}.String()) {
		var e sitesync.EventMessage
		check(l.t, json.Unmarshal(h.payload, &e))
		if e.Site != nil && uint64(*e.Site) == site {
			list = append(list, e)
		}
	}
	return list
}

// event waits for an event of a kind about a site. It must tell a person what
// to do.
func (l *listener) event(kind sitesync.EventKind, site uint64) sitesync.EventMessage {
	l.t.Helper()
	var list []sitesync.EventMessage
	err := rig.Until(patience, func() (bool, error) {
		list = l.events(kind, site)
		return len(list) > 0, nil
	})
	if err != nil {
		l.t.Fatalf("waiting for the event %s of site %d: %v; heard %s", kind, site, err, l)
	}
	return list[0]
}

// status waits for a status of a site that fits.
func (l *listener) status(site uint64, fits func(sitesync.SiteStatus) bool) (s sitesync.SiteStatus) {
	l.t.Helper()
	err := rig.Until(patience, func() (bool, error) {
		for _, h := range l.all(topic.ForSite(sitesync.SiteID(site), topic.Status)) {
			s = sitesync.SiteStatus{}
			if err := json.Unmarshal(h.payload, &s); err != nil {
				return false, err
			}
			if fits(s) {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		l.t.Fatalf("waiting for a status of site %d: %v; heard %s", site, err, l)
	}
	return s
}

// String shows what was heard.
func (l *listener) String() string {
	var b strings.Builder
	for _, h := range l.all("") {
		b.WriteString("\n" + h.topic + " " + string(h.payload))
	}
	return b.String()
}
