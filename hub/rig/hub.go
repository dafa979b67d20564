package rig

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sitesync/hub/call"
	"sitesync/hub/hubd"
	"sitesync/shared/link"
)

// startTime is how long a program may take to be ready.
const startTime = 60 * time.Second

// AdminPassword is that of every hub of the rig.
const AdminPassword = "rig-admin-password"

// Hub is a hub that runs as a process. After Kill or Stop it can be started
// again, on the same addresses.
type Hub struct {
	*Process
	Dir       string
	Addresses hubd.Addresses
	program   string
	args      []string
	admin     *call.Client
}

// StartHub starts a hub with a data directory of its own below dir. Further
// arguments go to the program.
func StartHub(p Programs, dir string, args ...string) (*Hub, error) {
	password := filepath.Join(dir, "admin-password")
	if err := os.WriteFile(password, []byte(AdminPassword), 0o600); err != nil {
		return nil, err
	}
	h := &Hub{Dir: filepath.Join(dir, "hub"), program: p.Hub, args: append([]string{"--admin-password-file", password}, args...)}
	h.Addresses = hubd.Addresses{MQTT: "127.0.0.1:0", MQTTS: "127.0.0.1:0", HTTP: "127.0.0.1:0", HTTPS: "127.0.0.1:0"}
	return h, h.Start()
}

// Start starts the hub, again where it was.
func (h *Hub) Start() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	args := append([]string{"serve", "--data", h.Dir, "--mqtt", h.Addresses.MQTT, "--mqtts", h.Addresses.MQTTS,
		"--http", h.Addresses.HTTP, "--https", h.Addresses.HTTPS}, h.args...)
	h.admin = nil
	if h.Process, _, err = Start(ctx, "ready", Command(h.program, args...)); err != nil {
		return err
	}
	return readJSON(filepath.Join(h.Dir, "addresses.json"), &h.Addresses)
}

// Command runs an administrator's command at the command line, to its end.
func (h *Hub) Command(stdin string, args ...string) (output string, code int, err error) {
	cmd := Command(h.program, append(args, "--data", h.Dir)...)
	cmd.Stdin = strings.NewReader(stdin)
	return finish(cmd)
}

// Call carries out a command on the admin topics and decodes its result.
func (h *Hub) Call(command string, args map[string]any, result any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var err error
	if h.admin == nil {
		if h.admin, err = call.Dial(ctx, link.Config{URL: "mqtt://" + h.Addresses.MQTT, Username: "user/admin", Password: []byte(AdminPassword)}); err != nil {
			return err
		}
	}
	return h.admin.Do(ctx, command, args, result)
}

// Register makes a site with stores that are given to it, and gives what a
// device needs to join.
func (h *Hub) Register(name, password string, stores ...string) (site uint64, join link.Join, err error) {
	var made struct{ Site struct{ ID uint64 } }
	if err := h.Call("site.create", map[string]any{"name": name, "code": name, "password": password}, &made); err != nil {
		return 0, join, err
	}
	for _, code := range stores {
		if err := h.Call("store.create", map[string]any{"code": code, "name": code}, nil); err != nil {
			return 0, join, err
		}
		if err := h.Call("store.move", map[string]any{"store": code, "to": made.Site.ID}, nil); err != nil {
			return 0, join, err
		}
	}
	var text struct{ Join string }
	if err := h.Call("site.join", map[string]any{"site": made.Site.ID}, &text); err != nil {
		return 0, join, err
	}
	join, err = link.ParseJoin(text.Join)
	return made.Site.ID, join, err
}
