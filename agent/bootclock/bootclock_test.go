package bootclock

import (
	"testing"
	"time"
)

// TestNow goes on, and names the same boot.
func TestNow(t *testing.T) {
	boot, since := Now()
	if boot == "" || since <= 0 {
		t.Fatalf("boot %q, %s since", boot, since)
	}
	began := time.Now()
	time.Sleep(20 * time.Millisecond)
	again, later := Now()
	if passed := later - since; again != boot || passed < 20*time.Millisecond || passed > time.Since(began)+10*time.Millisecond {
		t.Errorf("boot %q, then %q; %s passed", boot, again, passed)
	}
}
