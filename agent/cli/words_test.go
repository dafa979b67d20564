package cli

import "testing"

func TestWords(t *testing.T) {
	for _, c := range []struct{ text, sentence, clause string }{
		{"the hub is busy", "The hub is busy.", "the hub is busy"},
		{"The hub is busy.", "The hub is busy.", "the hub is busy"},
		{"MQTT is off.", "MQTT is off.", "MQTT is off"},
		{"Édouard is here", "Édouard is here.", "édouard is here"},
		{"x", "X.", "x"},
		{"", "", ""},
	} {
		if got := sentence(c.text); got != c.sentence {
			t.Errorf("sentence(%q) is %q, want %q", c.text, got, c.sentence)
		}
		if got := clause(c.text); got != c.clause {
			t.Errorf("clause(%q) is %q, want %q", c.text, got, c.clause)
		}
	}
}
