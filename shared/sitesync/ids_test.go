package sitesync

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestEpoch(t *testing.T) {
	e := NewEpoch(1, 4)
	if e != 1<<32|4 || e.Generation() != 1 || e.Counter() != 4 || e.String() != "1.4" {
		t.Errorf("%d is %s", e, e)
	}
	for _, c := range []struct {
		from       Epoch
		generation uint32
		want       string
	}{
		{NewEpoch(1, 4), 1, "1.5"},
		{NewEpoch(1, 4), 2, "2.5"}, // a restored hub: above all of the former generation
		{NewEpoch(3, 4), 2, "3.5"}, // never down
		{0, 1, "1.1"},
	} {
		got := c.from.Next(c.generation)
		if got.String() != c.want || got <= c.from {
			t.Errorf("after %s in generation %d comes %s, want %s", c.from, c.generation, got, c.want)
		}
	}
}

// Epochs compare as (generation, counter), and come back from their text.
func TestEpochOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g1, c1 := rapid.Uint32().Draw(t, "g1"), rapid.Uint32().Draw(t, "c1")
		g2, c2 := rapid.Uint32().Draw(t, "g2"), rapid.Uint32().Draw(t, "c2")
		a, b := NewEpoch(g1, c1), NewEpoch(g2, c2)
		if want := g1 < g2 || g1 == g2 && c1 < c2; (a < b) != want {
			t.Fatalf("%s < %s is %v", a, b, a < b)
		}
		var got Epoch
		if err := got.UnmarshalText([]byte(a.String())); err != nil || got != a {
			t.Fatalf("%s becomes %s, %v", a, got, err)
		}
	})
}

func TestEpochText(t *testing.T) {
	for _, text := range []string{"", "1", ".", "1.", ".1", "1.2.3", "-1.2", "+1.2", "1.x", "4294967296.0", "0.4294967296", " 1.2", strings.Repeat("1", 1<<20)} {
		e := Epoch(7)
		wantTold(t, e.UnmarshalText([]byte(text)), CodeInvalid, "")
		if e != 7 {
			t.Errorf("%.20q left %s behind", text, e)
		}
	}
	b, err := json.Marshal(map[string]Epoch{"epoch": NewEpoch(1, 4)})
	if err != nil || string(b) != `{"epoch":"1.4"}` {
		t.Errorf("%s, %v", b, err)
	}
}

func TestReplicaID(t *testing.T) {
	a, b := NewReplicaID(), NewReplicaID()
	if a == b || a.IsZero() || !(ReplicaID{}).IsZero() {
		t.Errorf("%s and %s", a, b)
	}
	if s := a.Short(); len(s) != 8 || s != a.Short() {
		t.Errorf("short form %q", s)
	}
	if (ReplicaID{4: 1}).Short() == (ReplicaID{4: 2}).Short() {
		t.Error("the fifth byte is not in the short form")
	}
}

func TestClientID(t *testing.T) {
	hardware, replica := NewHardwareID([32]byte{1, 2, 3}), ReplicaID{1, 2, 3, 4, 5}
	id := ClientID(hardware, replica)
	if len(id) != 28+1+8 {
		t.Errorf("%q", id)
	}
	h, r, ok := ParseClientID(id)
	if !ok || h != hardware || r != replica.Short() {
		t.Errorf("%q becomes %q, %q, %v", id, h, r, ok)
	}
	other := "A"
	if hardware[0] == 'A' {
		other = "B"
	}
	for name, id := range map[string]string{
		"nothing":             "",
		"a person's":          "mosquitto-12345",
		"hardware alone":      string(hardware),
		"no replica":          string(hardware) + "-",
		"short replica":       string(hardware) + "-AAAAAAA",
		"long replica":        string(hardware) + "-AAAAAAAAA",
		"padded replica":      string(hardware) + "-AA======",
		"replica with breaks": string(hardware) + "-AAAAAA\r\n",
		"replica in lower":    string(hardware) + "-aaaaaaaa",
		"replica of no digit": string(hardware) + "-AAAAAAA1",
		"wrong check":         other + string(hardware[1:]) + "-AAAAAAAA",
		"grouped hardware":    hardware.Grouped() + "-AAAAAAAA",
		"two replicas":        id + "-AAAAAAAA",
	} {
		if _, _, ok := ParseClientID(id); ok {
			t.Errorf("%s was taken: %q", name, id)
		}
	}
}

// Whatever is taken for a client ID is one that ClientID writes.
func FuzzParseClientID(f *testing.F) {
	f.Add(ClientID(NewHardwareID([32]byte{9}), ReplicaID{1}))
	f.Add("a-b")
	f.Fuzz(func(t *testing.T, id string) {
		if h, r, ok := ParseClientID(id); ok && (string(h)+"-"+r != id || !h.Valid() || len(r) != 8) {
			t.Errorf("%q becomes %q and %q", id, h, r)
		}
	})
}
