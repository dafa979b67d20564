package kv
import ("testing";"fmt";"time";"runtime/debug";"os")
func TestZ2(t *testing.T) {
	fmt.Println("start         ", rss())
	o := testOptions(t.TempDir(), true)
	db := open(t, o)
	time.Sleep(100*time.Millisecond)
	fmt.Println("open          ", rss())
	s := newStock(); start := time.Now()
	for range 100000/batchSize { db.Update(func(tx *Tx) error { for _,p := range s.batch() { tx.Set(p.key,p.value)}; return nil}) }
	fmt.Println("100k in ", time.Since(start).Round(time.Millisecond), rss())
	time.Sleep(10*time.Second)
	fmt.Println("10 s later    ", rss())
	debug.FreeOSMemory()
	fmt.Println("FreeOSMemory  ", rss())
	time.Sleep(20*time.Second)
	debug.FreeOSMemory()
	fmt.Println("+20s FreeOSM  ", rss(), db.Stats().Bytes/mib)
	db.Close()
	debug.FreeOSMemory()
	fmt.Println("closed ", rss())
	db = open(t, o)
	fmt.Println("reopened      ", rss())
	n := 0
	db.View(func(tx *Tx) error { return tx.Iterate(Range{}, func(_,_ []byte)(bool, error) { n++; return true, nil})})
	debug.FreeOSMemory()
	fmt.Println("scanned       ", n, rss())
	if os.Getenv("SMAPS") != "" { b,_ := os.ReadFile("/proc/self/smaps_rollup"); fmt.Println(string(b)) }
}
