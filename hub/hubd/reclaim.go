package hubd

// reclaimAtOnce bounds one transaction that removes what deleted stores held,
// so that devices need not wait long for it.
const reclaimAtOnce = 2000

// reclaim takes what deleted stores held off the disk, after a start and
// whenever the timer asks for it.
func (h *Hub) reclaim() {
	for {
		removed, err := h.records.Reclaim(reclaimAtOnce)
		if err != nil {
			h.log.Error("removing the records of a deleted store failed; it is tried again", "error", err)
		}
		if removed > 0 && err == nil {
			select {
			case <-h.stop:
				return
			default:
				continue
			}
		}
		select {
		case <-h.reclaiming:
		case <-h.stop:
			return
		}
	}
}
