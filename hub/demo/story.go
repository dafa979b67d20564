package demo

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"sitesync/shared/sitesync"
)

// warehouse is the store of the central site that is given away in the story.
const warehouse = "WHS1"

// story is what happens: everybody works; one site loses its link and works
// on; it comes back; the centre gives a store to a site; a store moves from one
// site to another; and one is taken from a computer that was stolen.
func (d *demo) story(ctx context.Context) error {
	nadi, suva, labasa := d.sites[0], d.sites[1], d.sites[2]
	for _, chapter := range []func(context.Context) error{
		func(ctx context.Context) error { return d.offline(ctx, nadi, suva, labasa) },
		func(ctx context.Context) error { return d.giveAway(ctx, nadi) },
		func(ctx context.Context) error { return d.handOver(ctx, nadi, suva) },
		func(ctx context.Context) error { return d.takeAway(ctx, labasa, suva) },
	} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	return nil
}

// offline has everybody work, one of them without its link for some time.
func (d *demo) offline(ctx context.Context, nadi, suva, labasa *site) error {
	for _, s := range d.sites {
		if err := d.until(ctx, func() bool { return s.mayWrite(s.store) }); err != nil {
			return err
		}
	}
	d.table.say("Everybody works: %d records in each store, in small portions", d.Records)
	if err := d.work(ctx, d.Records/2, nadi, suva, labasa); err != nil {
		return err
	}

	d.table.say("The link to Labasa is cut. Labasa works on, and its changes wait on its device")
	labasa.link.set(true)
	labasa.note = "link cut"
	if err := d.work(ctx, d.Records-d.Records/2, nadi, suva, labasa); err != nil {
		return err
	}
	if err := d.until(ctx, func() bool { return nadi.agent.DB().Backlog()+suva.agent.DB().Backlog() == 0 }); err != nil {
		return err
	}
	if waiting := labasa.agent.DB().Backlog(); waiting == 0 {
		return fmt.Errorf("nothing waits at Labasa, although its link is cut")
	}

	d.table.say("The link is back. %d changes go to the hub, each once", labasa.agent.DB().Backlog())
	labasa.link.set(false)
	labasa.note = "back"
	if err := d.until(ctx, func() bool { return labasa.agent.DB().Backlog() == 0 }); err != nil {
		return err
	}
	labasa.note = ""
	return nil
}

// giveAway makes a store at the centre, fills it there, and moves it.
func (d *demo) giveAway(ctx context.Context, to *site) error {
	d.table.say("The centre gives its store %s to %s: all of its records are delivered there", warehouse, to.short)
	if err := d.command(ctx, "store.create", map[string]any{"code": warehouse, "name": "Central warehouse"}, nil); err != nil {
		return err
	}
	for range min(d.Records/10, 100) {
		r := to.source.StockLine()
		args := map[string]any{"store": warehouse, "table": r.Table, "record": r.ID, "data": rawJSON(r.Data)}
		if err := d.command(ctx, "record.put", args, nil); err != nil {
			return err
		}
	}
	if _, err := d.move(ctx, warehouse, to, false); err != nil {
		return err
	}
	return d.until(ctx, func() bool { return to.mayWrite(warehouse) })
}

type rawJSON []byte

func (r rawJSON) MarshalJSON() ([]byte, error) { return r, nil }

// work has sites write, in portions, so that one can watch.
func (d *demo) work(ctx context.Context, records int, sites ...*site) error {
	const portions = 10
	for i := range portions {
		for _, s := range sites {
			if err := s.write(ctx, s.store, (records*(i+1))/portions-(records*i)/portions); err != nil {
				return err
			}
		}
		d.draw()
		if err := d.pause(ctx, 150*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// patience is how long a step of the story may take.
const patience = 2 * time.Minute

// until waits for a condition, and draws meanwhile.
func (d *demo) until(ctx context.Context, condition func() bool) error {
	deadline := time.Now().Add(patience)
	for !condition() {
		d.tellSeen()
		if time.Now().After(deadline) {
			d.draw()
			return sitesync.Errorf(sitesync.CodeTimeout, "the table above shows where it stands", "a step of the demonstration took longer than %s", patience)
		}
		d.draw()
		if err := d.pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	d.tellSeen()
	d.draw()
	return nil
}

func (d *demo) pause(ctx context.Context, t time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-d.failed:
		return err
	case <-time.After(t):
		return nil
	}
}

// lookAround says what a person can try now.
func (d *demo) lookAround() {
	a := d.hub.Addresses()
	d.table.say("Everything keeps running. Look around in another terminal; Ctrl-C ends it")
	fmt.Fprintf(d.Out, `
  the console  http://%[3]s/   sign in as admin, with the password %[6]s
  commands     go run ./hub site list --data %[1]s --password-file %[2]s
               go run ./hub handover list --data %[1]s --password-file %[2]s
               go run ./hub quarantine list --data %[1]s --password-file %[2]s
  by MQTT      mosquitto_sub -h %[4]s -p %[5]s -u user/admin -P %[6]s -v -t 'sitesync/v1/site/+/status' -t 'sitesync/v1/event/#'
  an agent     go run ./agent status --data %[7]s
               go run ./agent open --data %[7]s
`, filepath.Join(d.Dir, "hub"), filepath.Join(d.Dir, "admin-password"), a.HTTP, hostOf(a.MQTT), portOf(a.MQTT), adminPassword, filepath.Join(d.Dir, "lab"))
}
