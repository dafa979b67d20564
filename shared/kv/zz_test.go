package kv
import ("testing";"syscall";"os";"fmt";"time";"strings";"strconv";"github.com/dgraph-io/badger/v4")
func rss() string { b,_ := os.ReadFile("/proc/self/status"); var o []string; for _,l := range strings.Split(string(b),"\n") { if strings.HasPrefix(l,"VmRSS")||strings.HasPrefix(l,"VmHWM")||strings.HasPrefix(l,"RssAnon") { o=append(o,strings.Join(strings.Fields(l)," "))}}; return strings.Join(o,"; ") }
func TestZZ(t *testing.T) {
	n,_ := strconv.Atoi(os.Getenv("ZZ"))
	o := badgerOptions(t.TempDir(), os.Getenv("ZZHUB")=="").WithLogger(nil)
	for _, kv := range strings.Fields(os.Getenv("ZZO")) { k,v,_ := strings.Cut(kv,"="); x,_ := strconv.Atoi(v)
		switch k { case "l0": o=o.WithNumLevelZeroTables(x); case "stall": o=o.WithNumLevelZeroTablesStall(x); case "bts": o=o.WithBaseTableSize(int64(x)<<20); case "bls": o=o.WithBaseLevelSize(int64(x)<<20); case "mt": o=o.WithMemTableSize(int64(x)<<20); case "nmt": o=o.WithNumMemtables(x); case "comp": o=o.WithNumCompactors(x); case "snappy": o.Compression=1; o.BlockCacheSize=int64(x)<<20; case "none": o.Compression=0; o.BlockCacheSize=0; case "bs": o=o.WithBlockSize(x) ; case "bc": o.BlockCacheSize=int64(x)<<20} }
	db, err := badger.Open(o); if err != nil { t.Fatal(err) }
	s := newStock(); start := time.Now(); var worst time.Duration
	var gen time.Duration
	for range n/batchSize { g := time.Now(); bt := s.batch(); gen += time.Since(g); a := time.Now(); err := db.Update(func(txn *badger.Txn) error { for _, p := range bt { if err := txn.Set(p.key,p.value); err != nil {return err}}; return nil }); if err != nil {t.Fatal(err)}; worst=max(worst,time.Since(a)) }
	d := time.Since(start)-gen
	r := rss()
	a := time.Now(); m := 0
	db.View(func(tx *badger.Txn) error { it := tx.NewIterator(badger.IteratorOptions{}); for it.Rewind(); it.Valid(); it.Next() { it.Item().Value(func([]byte) error { m++; return nil }) }; it.Close(); return nil })
	sc := time.Since(a)
	a = time.Now(); s2 := newStock(); for range 20 { for i, p := range s2.batch() { if i%10==0 { db.View(func(tx *badger.Txn) error { it, err := tx.Get(p.key); if err!=nil {t.Error(err)} else {it.ValueCopy(nil)}; return nil })}}}; gt := time.Since(a)
	var ru syscall.Rusage; syscall.Getrusage(0,&ru); dir:=o.Dir; var sz sizeCache
	fmt.Printf("cpu %.1fs disk %d MiB ", float64(ru.Utime.Nano()+ru.Stime.Nano())/1e9, sz.of(dir)/mib)
	fmt.Printf("%-40s %6.0f rec/s worst %v  scan %7.0f/s get %v  %s\n", os.Getenv("ZZO"), float64(n)/d.Seconds(), worst.Round(time.Millisecond), float64(m)/sc.Seconds(), (gt/2000).Round(time.Microsecond), r)
	db.Close()
}
