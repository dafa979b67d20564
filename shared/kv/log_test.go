package kv

import (
	"bytes"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestBadgerLog(t *testing.T) {
	var out bytes.Buffer
	l := &badgerLog{log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	l.Debugf("each commit")
	l.Infof("set nextTxnTs to %d\n", 7)
	l.Warningf("careful")
	l.Errorf("error flushing memtable to disk: %v, retrying", "no")
	if l.syncFailure() != nil {
		t.Errorf("sync failure: %v", l.syncFailure())
	}
	l.Errorf("Error while curlf sync: %v\n", "input/output error")
	text := out.String()
	for _, want := range []string{`level=DEBUG msg=badger detail="set nextTxnTs to 7"`, "level=WARN", "level=ERROR"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	if strings.Contains(text, "each commit") {
		t.Errorf("too chatty: %s", text)
	}
	if err := l.syncFailure(); err == nil || !strings.Contains(err.Error(), "input/output error") {
		t.Errorf("sync failure: %v", err)
	}
}

// The message that badgerLog listens for is one of the badger we build with.
func TestBadgerSays(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/dgraph-io/badger/v4").Output()
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "value.go"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(source, []byte(`Errorf("`+saysSyncFailed)) {
		t.Errorf("badger does not say %q", saysSyncFailed)
	}
}

// An idle database with nothing wrong logs nothing from Info up.
func TestQuiet(t *testing.T) {
	var out bytes.Buffer
	o := testOptions(t.TempDir(), true)
	o.Logger = slog.New(slog.NewTextHandler(&out, nil))
	db := open(t, o)
	for range 40 {
		set(t, db, "a", string(make([]byte, 100*kib)), "b", string(make([]byte, 400*kib)))
	}
	db.collect()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if out.Len() > 0 {
		t.Errorf("logged %s", &out)
	}
}
