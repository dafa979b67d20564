package hubd

import (
	"context"

	"sitesync/hub/session"
	"sitesync/shared/topic"
)

// handler takes one frame of a session and gives what is to be published.
type handler func(ctx context.Context, s *session.Session, frame []byte) ([]session.Message, error)

// routes is the whole of what devices may send, and who takes it.
func (h *Hub) routes() map[topic.Kind]handler {
	return map[topic.Kind]handler{
		topic.Hello:         h.greet.Hello,
		topic.Push:          h.ingest.Push,
		topic.Pull:          h.feed.Pull,
		topic.ResyncRequest: h.feed.Resync,
		topic.CommandResult: h.commands.Result,
		topic.Handover:      h.handover.Report,
	}
}
