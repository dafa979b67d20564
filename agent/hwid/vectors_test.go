package hwid

import (
	"encoding/json"
	"maps"
	"os"
	"testing"

	"sitesync/shared/sitesync"
)

// The vectors were computed by a separate implementation of the package doc.
// They may be added to; what is there is frozen, as devices have these IDs.
func TestVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name  string
		Facts map[string]struct {
			Value   string
			Guarded bool
		}
		Random   string
		ID       sitesync.HardwareID
		Grouped  string
		Evidence map[string]string
	}
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors) == 0 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for _, v := range vectors {
		facts := Facts{Named: map[string]Fact{}, Random: v.Random}
		for name, f := range v.Facts {
			fact := known(f.Value)
			fact.Guarded = f.Guarded
			facts.Named[name] = fact
		}
		kept, _ := Identify(nil, facts)
		if kept.ID != v.ID || kept.ID.Grouped() != v.Grouped {
			t.Errorf("%s: ID %s, want %s", v.Name, kept.ID, v.ID)
		}
		if !maps.Equal(kept.Evidence, v.Evidence) {
			t.Errorf("%s: evidence %v, want %v", v.Name, kept.Evidence, v.Evidence)
		}
	}
}
