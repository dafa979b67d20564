package registry

// WaitingAsks counts what devices were asked for and have not answered, for
// those who watch the hub.
func (r *Registry) WaitingAsks() (n int) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, asks := range r.index.asks {
		for _, a := range asks {
			if a.State == AskWaiting {
				n++
			}
		}
	}
	return n
}
