package kv
import ("testing";"os";"log/slog";"fmt")
func TestZZ(t *testing.T) {
	o := testOptions(os.Getenv("ZZ"), os.Getenv("ZZS")!=""); o.Logger=slog.New(slog.NewTextHandler(os.Stdout,&slog.HandlerOptions{Level:slog.LevelDebug})); db := open(t, o)
	n := 0; var last string
	err := db.View(func(tx *Tx) error { return tx.Iterate(Range{KeysOnly:true}, func(k,v []byte)(bool,error){ n++; last=string(k); return true,nil})})
	fmt.Println("found", n, last, err, db.snap.txn.ReadTs())
}
