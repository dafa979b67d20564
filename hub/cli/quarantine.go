package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"sitesync/hub/admin"
	"sitesync/shared/sitesync"
)

var itemColours = map[sitesync.QuarantineState]colour{
	sitesync.QuarantineOpen: yellow, sitesync.QuarantineStale: yellow, sitesync.QuarantineProposed: yellow,
	sitesync.QuarantineApplied: green, sitesync.QuarantineDiscarded: faint,
}

func (v *view) items(items []sitesync.Quarantined) error {
	rows := make([][]cell, len(items))
	for i := range items {
		q := &items[i]
		state := text(string(q.State))
		state.colour = itemColours[q.State]
		rows[i] = []cell{number(q.ID), text(named(q.Code, uint64(q.Store))), text(q.Table), text(clipped(clean(q.Record), 30)), text(q.Op),
			text(q.Reason.String()), state, text(named(q.SiteName, uint64(q.Site))), text(v.ago(&q.Received))}
	}
	return v.table([]string{"ITEM", "STORE", "TABLE", "RECORD", "OP", "REASON", "STATE", "FROM", "RECEIVED"}, rows)
}

// reasons says why a change was not applied.
var reasons = map[sitesync.Reason]string{
	sitesync.ReasonStaleEpoch: "it was made after the store had been taken from the site",
	sitesync.ReasonNotOwner:   "the store is not the site's",
	sitesync.ReasonDiverged:   "the device's history is another than the hub's",
	sitesync.ReasonSchema:     "it breaks the rules of tables, records or JSON",
	sitesync.ReasonSize:       "the record is too large",
	sitesync.ReasonTarget:     "there is no store with the code it is addressed to",
	sitesync.ReasonBadFrame:   "the message could not be read",
}

func (v *view) item(q *sitesync.Quarantined) error {
	state := text(string(q.State))
	state.colour = itemColours[q.State]
	lines := []pair{{"Item", number(q.ID)}, {"Store", text(named(q.Code, uint64(q.Store)))}}
	from := named(q.SiteName, uint64(q.Site))
	if q.Reason != sitesync.ReasonBadFrame {
		lines = append(lines, pair{"Record", text(q.Table + "/" + q.Record)}, pair{"Change", text(q.Op)})
		from += fmt.Sprintf(", epoch %s, change %d", q.Epoch, q.N)
	}
	lines = append(lines, []pair{
		{"Not applied", text(reasons[q.Reason])},
		{"Came from", text(from)},
		{"Received", text(v.when(&q.Received))},
		{"State", state},
	}...)
	if q.Decided != nil {
		lines = append(lines, pair{"Decided", text(v.when(q.Decided) + " by " + orDash(q.By))})
	}
	return v.pairs(lines)
}

// compared shows a change beside the record as it is now.
func (v *view) compared(r *admin.Compared) error {
	if err := v.item(&r.Item); err != nil {
		return err
	}
	switch {
	case r.Item.Reason == sitesync.ReasonBadFrame:
		v.hint("The message's bytes are in the output of --output json.")
		return nil
	case r.Item.Op == sitesync.OpDelete.String():
		v.hint("The change deletes the record.")
	case len(r.Item.Present) == 0 || string(r.Item.Present) == "null":
		v.hint("There is no such record now, or this user may not see it.")
	}
	if len(r.Fields) == 0 {
		return nil
	}
	fmt.Fprintln(v.out)
	rows := make([][]cell, len(r.Fields))
	for i, f := range r.Fields {
		rows[i] = []cell{text(f.Name), text(clipped(clean(string(f.Change)), 40)), text(clipped(clean(string(f.Present)), 40)), {text: "same", colour: faint}}
		if f.Differs {
			rows[i][3] = cell{text: "differs", colour: yellow}
		}
	}
	return v.table([]string{"FIELD", "CHANGE", "PRESENT", "COMPARED"}, rows)
}

func (v *view) imported(r *admin.ImportResult) error {
	return v.pairs([]pair{
		{"Now in quarantine", text(count(uint64(r.Quarantined), "change", "changes"))},
		{"Known before", text(count(uint64(r.Known), "change", "changes"))},
	})
}

// newImport makes the verb that reads a file and sends it in parts.
func newImport(to *remote) *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE",
		Short: "Take the outbox of a device that was replaced and found again",
		Long: `Takes a file that sitesync-agent outbox export wrote on a device that was replaced
and found again. What had not reached the hub goes to quarantine, whole, where
quarantine apply and discard decide about it. To import a file twice is harmless.`,
		Example: "  sitesync-hub quarantine import outbox.ndjson",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError(cmd, "import takes one file")
			}
			return importFile(cmd, to, args[0])
		},
	}
}

func importFile(cmd *cobra.Command, to *remote, file string) error {
	if err := to.complete(""); err != nil {
		return err
	}
	view, err := newView(cmd, to.output)
	if err != nil {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return sitesync.Errorf(sitesync.CodeUsage, "check the path", "the file cannot be read: %w", err)
	}
	defer f.Close()
	c, err := to.dial(cmd.Context(), newTerminal(cmd))
	if err != nil {
		return err
	}
	defer c.Close()
	total, err := sendOutbox(f, func(part *importPart) (r admin.ImportResult, err error) {
		args, err := json.Marshal(part)
		if err != nil {
			return r, err
		}
		result, err := c.do(cmd.Context(), "quarantine.import", args, true)
		if err != nil {
			return r, err
		}
		return r, json.Unmarshal(result, &r)
	})
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return interrupted()
		}
		return err
	}
	text, err := json.Marshal(total)
	if err != nil {
		return err
	}
	row, _ := admin.Lookup("quarantine.import")
	return view.result(&row, text)
}

// importPart is the arguments of quarantine.import. Lines go as they are.
type importPart struct {
	Site    sitesync.SiteID    `json:"site"`
	Hub     string             `json:"hub"`
	Replica sitesync.ReplicaID `json:"replica"`
	Changes []json.RawMessage  `json:"changes"`

	bytes int
	next  place // what the following line has to be
}

// place is where a line of an outbox belongs.
type place struct {
	Store sitesync.StoreID `json:"store"`
	Epoch sitesync.Epoch   `json:"epoch"`
	N     uint64           `json:"n"`
	Chain sitesync.Chain   `json:"chain"`
}

// Bounds of a part: those of a batch, and room in an MQTT packet.
const (
	partLines = sitesync.MaxBatchChanges
	partBytes = 3 << 20
)

// exportHead is the first line of the file.
type exportHead struct {
	Format  int                `json:"format"`
	Kind    string             `json:"kind"`
	Site    sitesync.SiteID    `json:"site"`
	Hub     string             `json:"hub"`
	Replica sitesync.ReplicaID `json:"replica"`
	Changes uint64             `json:"changes"`
}

// sendOutbox reads an exported outbox and sends it in parts, each of one store
// and epoch. The first line of a part tells the chain before it.
func sendOutbox(in io.Reader, send func(*importPart) (admin.ImportResult, error)) (total admin.ImportResult, err error) {
	lines := bufio.NewReaderSize(in, 1<<20)
	var head exportHead
	text, err := readLine(lines)
	if err != nil || json.Unmarshal(text, &head) != nil || head.Kind != "sitesync-outbox" {
		return total, badExport(1, "it is no exported outbox")
	}
	if head.Format != 1 {
		return total, badExport(1, "it was written by another version")
	}
	part := &importPart{Site: head.Site, Hub: head.Hub, Replica: head.Replica}
	flush := func() error {
		if len(part.Changes) == 0 {
			return nil
		}
		r, err := send(part)
		total.Quarantined, total.Known = total.Quarantined+r.Quarantined, total.Known+r.Known
		part.Changes, part.bytes = nil, 0
		return err
	}
	read := uint64(0)
	for number := 2; ; number++ {
		text, err := readLine(lines)
		if errors.Is(err, io.EOF) {
			break
		}
		var at place
		if err != nil || json.Unmarshal(text, &at) != nil || at.N == 0 {
			return total, badExport(number, "it is no exported change")
		}
		read++
		follows := at.Store == part.next.Store && at.Epoch == part.next.Epoch && at.N == part.next.N
		if !follows || len(part.Changes) == partLines || part.bytes+len(text) > partBytes {
			if err := flush(); err != nil {
				return total, err
			}
			if text, err = withChain(text, follows, part.next.Chain); err != nil {
				return total, badExport(number, "it is no exported change")
			}
		}
		part.Changes, part.bytes = append(part.Changes, text), part.bytes+len(text)
		part.next = place{Store: at.Store, Epoch: at.Epoch, N: at.N + 1, Chain: at.Chain}
	}
	if err := flush(); err != nil {
		return total, err
	}
	if read != head.Changes {
		return total, badExport(int(read)+1, fmt.Sprintf("the file ends after %d of %d changes", read, head.Changes))
	}
	return total, nil
}

// withChain adds to the first line of a part the chain before it, which the
// file itself tells where a store and epoch begin.
func withChain(line []byte, follows bool, before sitesync.Chain) ([]byte, error) {
	if !follows {
		var own struct{ Before *sitesync.Chain }
		if err := json.Unmarshal(line, &own); err != nil || own.Before == nil {
			return nil, errors.New("no chain before it")
		}
		return line, nil
	}
	line = bytes.TrimSuffix(bytes.TrimSpace(line), []byte("}"))
	return fmt.Appendf(line, `,"before":%q}`, before), nil
}

// readLine reads a line of any length, without its end.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadBytes('\n')
	if len(line) > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return bytes.TrimSpace(line), err
}

func badExport(line int, what string) error {
	return sitesync.Errorf(sitesync.CodeInvalid, "export the outbox again on the device, and import that file as it is", "line %d of the file cannot be taken: %s", line, what)
}
