package hwid

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"sitesync/shared/sitesync"
)

const (
	maxFactsFile = 64 << 10
	maxFacts     = 64
	factsAsk     = `write the file as one JSON object of names and values, for example {"product_uuid":"…","mac:eth0":"…","machine_id":"…"}`
)

// Load reads facts from file, in place of those of the device, which is then
// test hardware. The file holds one JSON object of at most 64 names and values
// in 64 KiB. The names Gather uses are known in any case and with any of "-",
// ".", " " or nothing for "_"; any other name is a strong fact too. A value of
// null is a fact that cannot be read; one that is no string counts as its JSON
// text. Placeholders are ignored as on real hardware; an address is taken as
// it stands. The errors have CodeInvalid.
func Load(file string) (Facts, error) {
	f, err := os.Open(file)
	if err != nil {
		return Facts{}, sitesync.Errorf(sitesync.CodeInvalid, "check the path given to --hardware-facts",
			"the file of hardware facts cannot be opened: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFactsFile+1))
	if err != nil {
		return Facts{}, sitesync.Errorf(sitesync.CodeInvalid, "check the path given to --hardware-facts",
			"the file of hardware facts cannot be read: %w", err)
	}
	facts, err := parseFacts(text)
	if err != nil {
		return Facts{}, err
	}
	return Facts{Named: facts, Random: rand.Text(), Test: true}, nil
}

func parseFacts(text []byte) (named, error) {
	if len(text) > maxFactsFile {
		return nil, sitesync.Errorf(sitesync.CodeInvalid, factsAsk, "the file of hardware facts is over %d KiB", maxFactsFile>>10)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, sitesync.Errorf(sitesync.CodeInvalid, factsAsk, "the file of hardware facts is not a JSON object: %w", err)
	}
	if raw == nil || len(raw) > maxFacts {
		return nil, sitesync.Errorf(sitesync.CodeInvalid, factsAsk, "the file of hardware facts has no object, or more than %d facts", maxFacts)
	}
	facts := named{}
	for key, value := range raw {
		name := factName(key)
		if _, twice := facts[name]; twice || name == "" || len(name) > maxName || name != clean(name) {
			return nil, sitesync.Errorf(sitesync.CodeInvalid, factsAsk,
				"%q is there twice in the file of hardware facts, or is no name for a fact (1 to %d bytes)", key, maxName)
		}
		fact, err := statedFact(value)
		if err != nil {
			return nil, err
		}
		facts[name] = fact
	}
	return facts, nil
}

// statedFact makes a fact of a JSON value.
func statedFact(value json.RawMessage) (Fact, error) {
	if string(value) == "null" {
		return Fact{State: Unreadable, Why: "the file says null"}, nil
	}
	var text string
	if json.Unmarshal(value, &text) != nil {
		var b bytes.Buffer
		if err := json.Compact(&b, value); err != nil {
			return Fact{}, fmt.Errorf("compact a JSON value that was parsed before: %w", err)
		}
		text = b.String()
	}
	fact := known(text)
	if fact.State == Absent {
		return ignored("the file gives it no value"), nil
	}
	return fact, nil
}

// factName gives the name by which a key of the file is known here.
func factName(key string) string {
	kind, label, _ := strings.Cut(asciiLower(key), ":")
	kind = strings.NewReplacer("-", "_", ".", "_", " ", "_").Replace(kind)
	if rest, ok := strings.CutPrefix(kind, kindMAC); ok && strings.TrimLeft(rest[:min(1, len(rest))], "_0123456789") == "" {
		kind, label = kindMAC, strings.Trim(rest, "_")+label
	}
	for name := range weights {
		if strings.ReplaceAll(kind, "_", "") == strings.ReplaceAll(name, "_", "") {
			kind = name
		}
	}
	if label == "" {
		return kind
	}
	return kind + ":" + label
}
