// Package demo shows sitesync at work on one machine: a hub and three agents
// with made-up data, where links fail, stores move, and a computer is stolen. It is
// the one place in the product that sees both programs.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"sitesync/agent/agentd"
	"sitesync/hub/call"
	"sitesync/hub/hubd"
	"sitesync/shared/link"
	"sitesync/shared/sample"
	"sitesync/shared/sitesync"
	"sitesync/shared/version"
)

// Options of a demonstration.
type Options struct {
	Dir     string // new folder for the data; "" is a temporary one that is removed at the end
	Exit    bool   // end with a summary instead of running on
	Records int    // per store
	Out     io.Writer
	Live    bool // Out is a terminal: draw the table in place
}

// adminPassword of the demonstration's hub, which is on loopback alone.
const adminPassword = "demonstration"

// Run shows the demonstration until ctx ends, or with Exit until its summary.
// It fails when anything differs between agents and hub.
func Run(ctx context.Context, o Options) (err error) {
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "sitesync-demo-"); err != nil {
			return err
		}
		defer os.RemoveAll(o.Dir)
	} else if entries, err := os.ReadDir(o.Dir); err == nil && len(entries) > 0 {
		return sitesync.Errorf(sitesync.CodeUsage, "give --dir a new folder, or remove this one", "the folder %s is not empty", o.Dir)
	}
	d := &demo{Options: o, log: slog.New(slog.DiscardHandler)}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.begin(ctx); err != nil {
		return interrupted(ctx, err)
	}
	if err := d.story(ctx); err != nil {
		return interrupted(ctx, err)
	}
	equal, err := d.summary(ctx)
	if err != nil {
		return interrupted(ctx, err)
	}
	if !equal {
		return sitesync.Errorf(sitesync.CodeInternal, "please report this with the output above", "agents and hub do not hold the same")
	}
	if o.Exit {
		return nil
	}
	d.lookAround()
	<-ctx.Done()
	return nil
}

// interrupted makes a wish of the person who watches no failure.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// demo is one run.
type demo struct {
	Options
	log    *slog.Logger
	hub    *hubd.Hub
	admin  *call.Client
	sites  []*site
	table  table
	seen   diary
	stop   context.CancelFunc
	failed chan error
}

// begin starts the hub and the agents, each as a person would.
func (d *demo) begin(ctx context.Context) error {
	d.table = table{out: d.Out, live: d.Live}
	d.failed = make(chan error, 8)
	if err := os.MkdirAll(d.Dir, 0o700); err != nil {
		return err
	}
	d.sites = []*site{
		{name: "Nadi Health Centre", short: "Nadi", code: "NAD", store: "NAD1", kind: "mobile"},
		{name: "Suva Pharmacy", short: "Suva", code: "SUV", store: "SUV1", kind: "mobile"},
		{name: "Labasa Hospital", short: "Labasa", code: "LAB", store: "LAB1", kind: "standalone"},
	}
	for i, s := range d.sites {
		var err error
		s.demo, s.source = d, sample.New(uint64(i+1))
		if s.link, err = newNetwork(); err != nil {
			return err
		}
	}
	d.table.say("Starting a hub in %s", filepath.Join(d.Dir, "hub"))
	if err := d.startHub(); err != nil {
		return err
	}
	var err error
	if d.admin, err = call.Dial(ctx, link.Config{URL: "mqtt://" + d.hub.Addresses().MQTT, Username: "user/admin", Password: []byte(adminPassword)}); err != nil {
		return err
	}
	run, stop := context.WithCancel(context.Background())
	d.stop = stop
	for _, s := range d.sites {
		d.table.say("Registering the site %s (%s) and giving it the store %s", s.name, s.kind, s.store)
		if err := s.start(ctx, run); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

func (d *demo) startHub() error {
	password := filepath.Join(d.Dir, "admin-password")
	if err := os.WriteFile(password, []byte(adminPassword+"\n"), 0o600); err != nil {
		return err
	}
	var c hubd.Config
	flags := pflag.NewFlagSet("demo", pflag.ContinueOnError)
	c.Flags(flags)
	c.Data, c.AdminPasswordFile, c.Log, c.Version = filepath.Join(d.Dir, "hub"), password, d.log, version.String()
	c.PublicURLs = []string{d.sites[2].link.url()} // Labasa must have no other way when its link is cut
	c.MQTT, c.MQTTS, c.HTTP, c.HTTPS = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	var err error
	if d.hub, err = hubd.Open(c); err != nil {
		return err
	}
	for _, s := range d.sites {
		s.link.lead(d.hub.Addresses().MQTTS)
	}
	return nil
}

// agentConfig is the configuration of an agent of the demonstration: its waits
// are short, since people watch.
func (d *demo) agentConfig(name, kind string) (agentd.Config, error) {
	var c agentd.Config
	flags := pflag.NewFlagSet("demo", pflag.ContinueOnError)
	c.DataFlag(flags)
	c.Flags(flags)
	c.Data, c.API, c.Type, c.Log, c.Version = filepath.Join(d.Dir, name), "127.0.0.1:0", kind, d.log, version.String()
	c.Timings.BackoffMin, c.Timings.BackoffMax, c.Timings.PurgeAfter = 100*time.Millisecond, time.Second, time.Second
	c.HardwareFacts = filepath.Join(d.Dir, name+"-hardware.json")
	facts, err := json.Marshal(map[string]string{"board_serial": "DEMO-" + name})
	if err != nil {
		return c, err
	}
	return c, os.WriteFile(c.HardwareFacts, facts, 0o600)
}

// command carries out an administrator's command on the hub's MQTT topics.
func (d *demo) command(ctx context.Context, name string, args map[string]any, result any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := d.admin.Do(ctx, name, args, result); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// close ends the agents, then the hub.
func (d *demo) close() error {
	if d.stop != nil {
		d.stop()
	}
	var errs []error
	for _, s := range d.sites {
		errs = append(errs, s.close())
	}
	if d.admin != nil {
		d.admin.Close()
	}
	if d.hub != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		errs = append(errs, d.hub.Close(ctx))
	}
	return errors.Join(errs...)
}
