package registry

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sitesync/shared/sitesync"
)

func TestRepeatedCommandIsCarriedOutOnce(t *testing.T) {
	dir := t.TempDir()
	db := openKV(t, dir)
	r := openOn(t, NewKV(db), cheap)
	store := newStore(t, r, "N1")
	create := command("site.create", "c1", "{}")
	want := NewSite{Name: "Nadi", Password: password, Stores: []sitesync.StoreID{store.ID}}
	if _, known, err := r.Replayed(create, password); known || err != nil {
		t.Fatal("known before it was made", err)
	}
	first, err := r.CreateSite(create, want)
	if err != nil {
		t.Fatal(err)
	}
	// The hub ends before the answer is saved.
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = openKV(t, dir)
	r = openOn(t, NewKV(db), cheap)
	answer, known, err := r.Replayed(create, password)
	if !known || answer != nil || err != nil {
		t.Fatalf("%s, %v, %v", answer, known, err)
	}
	again, err := r.CreateSite(create, want)
	if err != nil || !reflect.DeepEqual(again, first) {
		t.Errorf("again %+v, %v; first %+v", again, err, first)
	}
	if sites, _ := r.Sites(nil, 0, 0); len(sites) != 2 {
		t.Errorf("%d sites", len(sites))
	}
	if err := r.SaveAnswer(create, json.RawMessage(`{"site":2}`)); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	r = openOn(t, NewKV(openKV(t, dir)), cheap)
	if answer, known, err := r.Replayed(create, password); !known || string(answer) != `{"site":2}` || err != nil {
		t.Errorf("%s, %v, %v", answer, known, err)
	}

	for name, other := range map[string]struct {
		actor    Actor
		password string
	}{
		"other arguments": {command("site.create", "c1", `{"name":"x"}`), password},
		"other command":   {command("site.update", "c1", "{}"), password},
		"other password":  {create, otherPassword},
		"no password":     {create, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := r.Replayed(other.actor, other.password)
			expectCode(t, err, sitesync.CodeIDReused)
		})
	}
	_, err = r.CreateSite(create, NewSite{Name: "Nadi", Password: otherPassword})
	expectCode(t, err, sitesync.CodeIDReused)
	bob := create
	bob.Name = "bob"
	if _, known, err := r.Replayed(bob, password); known || err != nil {
		t.Error("another user's command is known", err)
	}
}

func TestSameCommandAtOnce(t *testing.T) {
	t.Parallel()
	r := openTest(t)
	for round := range 40 {
		create := command("store.create", fmt.Sprint("c", round), "{}")
		var results [6]StoreResult
		var wg sync.WaitGroup
		for i := range results {
			wg.Go(func() {
				var err error
				if results[i], err = r.CreateStore(create, NewStore{Code: fmt.Sprint("N", round)}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, res := range results {
			if !reflect.DeepEqual(res, results[0]) {
				t.Errorf("%+v and %+v", res, results[0])
			}
		}
		if stores, _ := r.Stores(nil, 0, 0); len(stores) != round+1 {
			t.Fatalf("%d stores", len(stores))
		}
	}
}

// TestRepeatOfAMoveThatDidNothing: a move to where the store is changes
// nothing, and its repetition must not undo what happened since.
func TestRepeatOfAMoveThatDidNothing(t *testing.T) {
	r := openTest(t)
	nadi, suva := newSite(t, r, "Nadi"), newSite(t, r, "Suva")
	store := newStore(t, r, "N1")
	for _, c := range []struct {
		id string
		to sitesync.SiteID
	}{{"a", nadi.ID}, {"b", nadi.ID}, {"c", suva.ID}, {"b", nadi.ID}} {
		if _, err := r.MoveStore(command("store.move", c.id, c.to.String()), store.ID, c.to, false); err != nil {
			t.Fatal(err)
		}
	}
	if s, _ := r.Store(store.ID); s.Site != suva.ID {
		t.Errorf("the store is wanted at %d", s.Site)
	}
}

func TestCommandsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newMemory()
		o := cheap
		o.ReplayMemory = time.Minute
		r := openOn(t, b, o)
		kept := func() int { items, _ := b.List(prefixReplay, "", 1000); return len(items) }
		for i := range 5 {
			if _, err := r.CreateStore(command("store.create", string(rune('a'+i)), ""), NewStore{Code: string(rune('a' + i))}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if err := r.SaveAnswer(command("record.put", "other", ""), json.RawMessage(`{"etag":"x"}`)); err != nil {
			t.Fatal(err)
		}
		if answer, known, err := r.Replayed(command("record.put", "other", ""), ""); !known || string(answer) != `{"etag":"x"}` || err != nil {
			t.Errorf("a command whose edit is not the registry's: %s, %v, %v", answer, known, err)
		}
		if kept() != 6 {
			t.Errorf("%d commands are remembered", kept())
		}
		time.Sleep(2 * time.Minute)
		if _, known, err := r.Replayed(command("store.create", "a", "others"), ""); known || err != nil {
			t.Errorf("known for too long: %v", err)
		}
		if _, err := r.CreateStore(command("store.create", "a", "others"), NewStore{Code: "z"}); err != nil {
			t.Fatal(err)
		}
		if kept() != 1 {
			t.Errorf("%d commands are remembered", kept())
		}
		// A restart finds the keys in another order than that of their time.
		time.Sleep(time.Minute)
		if _, err := r.CreateStore(command("store.create", "0", ""), NewStore{Code: "y"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		r = openOn(t, b, o)
		if _, err := r.CreateStore(command("store.create", "1", ""), NewStore{Code: "x"}); err != nil {
			t.Fatal(err)
		}
		if kept() != 2 {
			t.Errorf("%d commands are remembered after a restart", kept())
		}
	})
}

func TestRepeatOfACommandThatShowsASecret(t *testing.T) {
	b := newMemory()
	r := openOn(t, b, cheap)
	if _, err := r.EnsureAdmin(password); err != nil {
		t.Fatal(err)
	}
	create := command("token.create", "c1", "{}")
	_, token, err := r.CreateToken(create, NewToken{Name: "script", Role: RoleViewer})
	if err != nil {
		t.Fatal(err)
	}
	if _, again, err := r.CreateToken(create, NewToken{Name: "script", Role: RoleViewer}); err != nil || again != token {
		t.Errorf("the repeated command shows %q, %v", again, err)
	}
	makeUser := command("user.create", "c2", "{}")
	_, generated, err := r.CreateUser(makeUser, NewUser{Name: "bob", Role: RoleViewer})
	if err != nil {
		t.Fatal(err)
	}
	if _, again, err := r.CreateUser(makeUser, NewUser{Name: "bob", Role: RoleViewer}); err != nil || again != generated {
		t.Errorf("the repeated command shows %q, %v", again, err)
	}
	given := command("user.create", "c3", "{}")
	if _, _, err := r.CreateUser(given, NewUser{Name: "carl", Role: RoleViewer, Password: password}); err != nil {
		t.Fatal(err)
	}
	// After a restart nobody knows it any more.
	r = openOn(t, b, cheap)
	if u, shown, err := r.CreateUser(given, NewUser{Name: "carl", Role: RoleViewer, Password: password}); err != nil || shown != "" || u.Name != "carl" {
		t.Errorf("a repeated command that made no secret: %+v, %q, %v", u, shown, err)
	}
	_, _, err = r.CreateToken(create, NewToken{Name: "script", Role: RoleViewer})
	expectCode(t, err, sitesync.CodeExists)
	_, _, err = r.CreateUser(makeUser, NewUser{Name: "bob", Role: RoleViewer})
	expectCode(t, err, sitesync.CodeExists)
}
