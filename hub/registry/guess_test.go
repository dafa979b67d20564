package registry

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestGuessesAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, r: openOn(t, newMemory(), cheap)}
		b.site = newSite(t, b.r, "Nadi").ID
		newSite(t, b.r, "Suva")
		b.join("Nadi", password, 1)
		for range guessesPerName {
			if d := b.login("Nadi", "wrong password", 1); d.Outcome != BadCredentials || d.Limited {
				t.Fatalf("%+v", d)
			}
		}
		if d := b.login("Nadi", password, 1); d.Outcome != BadCredentials || !d.Limited {
			t.Errorf("a right password after too many wrong ones: %+v", d)
		}
		if d := b.login("nadi", password, 1); !d.Limited {
			t.Errorf("the same name in another case: %+v", d)
		}
		if d := b.use(0); d.Outcome != Accepted {
			t.Errorf("a credential was held up: %+v", d)
		}
		if d := b.login("Suva", password, 1); d.Outcome != Accepted {
			t.Errorf("another site was held up: %+v", d)
		}
		time.Sleep(guessEveryName)
		if d := b.login("Nadi", password, 1); d.Outcome != Accepted {
			t.Errorf("later: %+v", d)
		}
		if d := b.login("Nadi", password, 1); d.Outcome != Accepted {
			t.Errorf("a right password counted as a guess: %+v", d)
		}
	})
}

func TestGuessesFromOneAddressAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openOn(t, newMemory(), cheap)
		newSite(t, r, "Nadi")
		login := func(name, secret, address string) Decision {
			d, err := r.Authenticate(Login{Name: name, Secret: []byte(secret), Hardware: hardware(1), Address: address})
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		for i := range guessesPerAddress {
			// An IPv6 guesser has a whole network of addresses.
			if d := login(fmt.Sprintf("name %d", i), "wrong password", fmt.Sprintf("2001:db8::%x", i)); d.Limited {
				t.Fatalf("guess %d: %+v", i, d)
			}
		}
		if d := login("Nadi", password, "2001:db8::ffff:1"); !d.Limited {
			t.Errorf("from the same network: %+v", d)
		}
		if d := login("Nadi", password, "2001:db8:0:1::1"); d.Outcome != Accepted {
			t.Errorf("from another network: %+v", d)
		}
		time.Sleep(guessEveryAddress)
		if d := login("Nadi", password, "2001:db8::1"); d.Outcome != Accepted {
			t.Errorf("later: %+v", d)
		}
	})
}

func TestGuessersAreBounded(t *testing.T) {
	t.Parallel()
	g := newGuesses()
	for i := range 2 * mostGuessers {
		g.wrong(fmt.Sprint("name ", i), fmt.Sprint("address ", i))
	}
	if n := len(g.limiter); n > mostGuessers {
		t.Errorf("%d guessers are remembered", n)
	}
}

// TestUnknownNamesCostAsMuch uses real hashes: a name that is known and one
// that is not must not be told apart by the time.
func TestUnknownNamesCostAsMuch(t *testing.T) {
	r := openOn(t, newMemory(), Options{})
	newSite(t, r, "Nadi")
	cost := func(name string) time.Duration {
		best := time.Hour
		for range 4 {
			begin := time.Now()
			if _, err := r.Authenticate(Login{Name: name, Secret: []byte("wrong password"), Hardware: hardware(1)}); err != nil {
				t.Fatal(err)
			}
			best = min(best, time.Since(begin))
		}
		return best
	}
	known, unknown := cost("Nadi"), cost("Suva")
	t.Logf("known %v, unknown %v", known, unknown)
	if unknown < known/3 || known < unknown/3 {
		t.Errorf("a known name takes %v, an unknown one %v", known, unknown)
	}
}

// TestALineOfPasswordsIsShed fills the line at the hasher.
func TestALineOfPasswordsIsShed(t *testing.T) {
	r := openOn(t, newMemory(), cheap)
	newSite(t, r, "Nadi")
	for range hashesAtOnce {
		r.hasher.enter()
	}
	r.hasher.waiting.Add(hashesWait)
	d, err := r.Authenticate(Login{Name: "Nadi", Secret: []byte(password), Hardware: hardware(1)})
	if err != nil || d.Outcome != Busy {
		t.Errorf("%+v, %v", d, err)
	}
	if _, outcome, err := r.AuthenticateUser(KindUser, "anna", []byte(password), ""); err != nil || outcome != Busy {
		t.Errorf("%d, %v", outcome, err)
	}
}
