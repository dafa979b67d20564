package engine

import (
	"context"

	"sitesync/shared/link"
)

// connection is what a session needs of a link.Session.
type connection interface {
	Subscribe(ctx context.Context, filters ...string) error
	Publish(ctx context.Context, topic string, payload []byte) error
	Done() <-chan struct{}
	Err() error
	Close()
}

// dialer makes one attempt to connect, as link.Dial. Tests have others.
type dialer func(context.Context, link.Config) (connection, error)

func dialHub(ctx context.Context, c link.Config) (connection, error) {
	s, err := link.Dial(ctx, c)
	if err != nil {
		return nil, err
	}
	return s, nil
}
