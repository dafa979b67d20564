package broker
import ("runtime";"runtime/pprof";"os";"fmt")
func init(){ dump = func(){ var m runtime.MemStats; runtime.ReadMemStats(&m); fmt.Println("heap", m.HeapAlloc, "stack", m.StackInuse, "gor", runtime.NumGoroutine()); f,_:=os.Create("/tmp/heap.prof"); pprof.Lookup("heap").WriteTo(f,0); f.Close(); g,_:=os.Create("/tmp/gor.txt"); pprof.Lookup("goroutine").WriteTo(g,1); g.Close()} }
