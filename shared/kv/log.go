package kv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// Keys of log attributes.
const (
	keyDir     = "dir"
	keyError   = "error"
	keyFree    = "free"
	keyReserve = "reserve"
	keyDetail  = "detail"
)

// badgerLog takes badger's messages to slog. What badger tells of its own
// progress is for debugging only, and what it calls debugging, some lines for
// each commit, is for nobody.
//
// It also listens: when the fsync of a value log fails, badger says so here and
// nowhere else, and the commit succeeds.
type badgerLog struct {
	log *slog.Logger

	mu     sync.Mutex
	failed error
}

// saysSyncFailed begins badger's message in value.go.
const saysSyncFailed = "Error while curlf sync"

// syncFailure gives the fsync that failed since the start, if one did.
func (l *badgerLog) syncFailure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

func (l *badgerLog) Errorf(format string, args ...any) {
	l.write(slog.LevelError, format, args)
	if strings.HasPrefix(format, saysSyncFailed) {
		l.mu.Lock()
		l.failed = errors.New(text(format, args))
		l.mu.Unlock()
	}
}

func (l *badgerLog) Warningf(format string, args ...any) { l.write(slog.LevelWarn, format, args) }
func (l *badgerLog) Infof(format string, args ...any)    { l.write(slog.LevelDebug, format, args) }
func (l *badgerLog) Debugf(string, ...any)               {}

func (l *badgerLog) write(level slog.Level, format string, args []any) {
	ctx := context.Background()
	if l.log.Enabled(ctx, level) {
		l.log.Log(ctx, level, "badger", keyDetail, text(format, args))
	}
}

func text(format string, args []any) string {
	return strings.TrimSpace(fmt.Sprintf(format, args...))
}
