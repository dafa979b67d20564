package api

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"sitesync/agent/localdb"
)

// Limits of time and size that hold for every request.
const (
	headerTimeout = 10 * time.Second // from the first byte to the last header
	idleTimeout   = 2 * time.Minute  // of a connection between requests
	bodyPause     = 30 * time.Second // longest wait for more of a body
	streamPause   = 10 * time.Minute // longest wait for the next line of a stream
	writeTimeout  = 30 * time.Second // longest wait for a reader to take what was sent
	endTimeout    = 5 * time.Second  // for running requests when the agent stops
	maxHeader     = 128 << 10        // bytes; the place in the receipts may be long
)

// Keys of log attributes.
const (
	keyError     = "error"
	keyReference = "reference"
	keyRoute     = "route"
	keyStack     = "stack"
	keyToken     = "token_name"
)

// Options are what a Server works with.
type Options struct {
	DB           *localdb.DB
	Agent        Agent
	Tokens       *Tokens
	Page         http.Handler // what is served at / and below /assets/ to everybody; nil for nothing
	Metrics      http.Handler // of the program; nil for none
	AllowedHosts []string     // host names and addresses to answer for besides loopback
	Log          *slog.Logger // nil logs nothing
}

// Server answers the local API. It is an http.Handler that does all checks
// itself, to be served on the listener that Listen gives.
type Server struct {
	db      *localdb.DB
	agent   Agent
	tokens  *Tokens
	page    http.Handler
	metrics http.Handler
	hosts   hosts
	log     *slog.Logger
	mux     *http.ServeMux
	bodies  *semaphore.Weighted // bytes of bulk bodies in memory: one of the largest, and small ones beside it
	watch   *localdb.Watch
	history history

	codes    *codes
	sessions sessions

	closed chan struct{}
	once   sync.Once
}

// New makes a Server, which follows the database until Close.
func New(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		db: o.DB, agent: o.Agent, tokens: o.Tokens, metrics: o.Metrics, page: o.Page, log: o.Log,
		hosts:  newHosts(o.AllowedHosts),
		bodies: semaphore.NewWeighted(maxBulk + maxBulk/4),
		codes:  newCodes(), sessions: sessions{open: map[hash]session{}},
		closed: make(chan struct{}),
	}
	s.history.init()
	s.mux = s.newMux()
	s.watch = s.db.Watch(s.history.add)
	return s
}

// Close ends the event streams and stops following the database. Call it
// before the database closes.
func (s *Server) Close() {
	s.once.Do(func() {
		close(s.closed)
		s.watch.Stop()
	})
}

// Serve answers on l until ctx ends, gives running requests a few seconds, and
// closes l and the Server.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		s.Close()
		return err
	case <-ctx.Done():
	}
	s.Close() // event streams never end by themselves
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	err := server.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	<-ended
	return err
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := &response{ResponseWriter: w}
	defer s.catch(out, r)
	out.Header().Set("Cache-Control", "no-store")
	out.Header().Set("X-Content-Type-Options", "nosniff")
	if err := s.hosts.check(r); err != nil {
		s.fail(out, r, err)
		return
	}
	if !tidy(r.URL.EscapedPath()) {
		s.handle(nil).ServeHTTP(out, r) // ServeMux would redirect to a page
		return
	}
	s.mux.ServeHTTP(out, r)
}
