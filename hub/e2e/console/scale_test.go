package console

import (
	"path/filepath"
	"testing"
	"time"

	"sitesync/hub/rig"
)

const (
	manySites = 20_000
	listTime  = 3 * time.Second
	tabMemory = 200 << 20
	paintTime = time.Second
	slack     = 10 // for a machine that does much else, with the race detector; the figures are printed
)

// TestManySites opens the console of a hub with 20,000 sites: the list is
// ready soon, scrolls, is searched and sorted, and does not fill the memory.
func TestManySites(t *testing.T) {
	dir := t.TempDir()
	fill(t, filepath.Join(dir, "hub"), manySites)
	own, err := rig.StartHub(programs, dir)
	check(t, err)
	t.Cleanup(own.Kill)
	page := tab(t)
	check(t, page.Open("http://"+own.Addresses.HTTP+"/"))
	check(t, page.WaitFor("textbox", "User name"))
	var paint float64
	check(t, page.Eval(firstPaint, &paint))
	signIn(t, page, "admin", rig.AdminPassword)
	begun := time.Now()
	check(t, page.WaitFor("heading", "Needs attention"))
	check(t, page.Eval("location.hash = '#/sites', true", nil))
	check(t, page.Wait("20,001 of 20,001"))
	ready := time.Since(begun)

	var frames []float64
	check(t, page.Eval(scroll, &frames))
	slowest := 0.0
	for _, f := range frames {
		slowest = max(slowest, f)
	}
	check(t, page.Wait("\n20001\n")) // the last ID
	check(t, page.Fill("Search name, code, ID or store", "Facility 12345"))
	check(t, page.Wait("1 of 20,001"))
	check(t, page.Fill("Search name, code, ID or store", ""))
	check(t, page.Click("button", "Name"))
	check(t, page.Wait("20,001 of 20,001"))
	heap, err := page.Memory()
	check(t, err)
	t.Logf("first paint %.0f ms, list ready %s after the sign-in, slowest of %d frames %.0f ms, heap %.0f MB",
		paint, ready.Round(10*time.Millisecond), len(frames), slowest, float64(heap)/(1<<20))
	if paint > slack*paintTime.Seconds()*1000 || ready > slack*listTime || heap > tabMemory {
		t.Error("that is more than it may be")
	}
}

// firstPaint gives when the page first showed something, in milliseconds.
const firstPaint = `new Promise((done) => new PerformanceObserver((list) => {
	const [paint] = list.getEntriesByName('first-contentful-paint');
	if (paint) done(paint.startTime);
}).observe({ type: 'paint', buffered: true }))`

// scroll goes through the list in steps and gives how long each frame took.
const scroll = `new Promise((done) => {
	const box = document.querySelector('.list'), frames = [];
	let last = performance.now();
	const step = () => {
		const now = performance.now();
		frames.push(now - last);
		last = now;
		box.scrollTop += 9000;
		if (box.scrollTop + box.clientHeight < box.scrollHeight - 1) requestAnimationFrame(step);
		else requestAnimationFrame(() => done(frames));
	};
	requestAnimationFrame(step);
})`
