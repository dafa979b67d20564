package api

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"

	"sitesync/agent/localdb"
	"sitesync/shared/sitesync"
)

// lineAnswer is what became of one line of a stream.
type lineAnswer struct {
	Line    int             `json:"line"`
	N       uint64          `json:"n,omitempty"`
	Receipt string          `json:"receipt,omitempty"` // unchanged, when there is no n
	Error   *sitesync.Error `json:"error,omitempty"`
}

// stream takes lines in without end and answers each, in order, when it is
// durable. One goroutine reads while another writes: what arrives during an
// fsync shares the next one. No more is in memory than two batches and the
// line that is being read.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, store sitesync.StoreID) error {
	conn := http.NewResponseController(w)
	_ = conn.EnableFullDuplex() // HTTP/2 always is
	w.Header().Set("Content-Type", typeNDJSON)
	w.WriteHeader(http.StatusOK)
	_ = conn.Flush()

	q, in := newInflow(s.room()), endlessBodyOf(w, r)
	var reader sync.WaitGroup
	reader.Go(func() {
		defer q.endOnPanic()
		q.fill(&lineReader{in: in})
	})
	defer func() {
		q.stop()
		in.stop()
		reader.Wait()
	}()

	out := bufio.NewWriterSize(w, 16<<10)
	for {
		t, err := q.take()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		answers, failure := s.settle(r, store, t)
		for i := range answers {
			if err := encode(out, &answers[i]); err != nil {
				return err
			}
		}
		if err := errors.Join(out.Flush(), conn.Flush(), failure); err != nil {
			return err
		}
	}
}

// settle writes what arrived and answers its lines in order. failure ends the
// stream.
func (s *Server) settle(r *http.Request, store sitesync.StoreID, t arrived) (answers []lineAnswer, failure error) {
	written, err := t.commit(s.db, store)
	answers = append(t.wrong, answersOf(&t.batch, written)...)
	if err != nil {
		e, reference := s.presentable(r, err)
		if reference != "" {
			failure = http.ErrAbortHandler
		}
		for _, line := range t.lines {
			answers = append(answers, refusal(e, line))
		}
	}
	slices.SortFunc(answers, func(a, b lineAnswer) int { return a.Line - b.Line })
	return answers, failure
}

func answersOf(b *batch, written []localdb.Written) []lineAnswer {
	answers := make([]lineAnswer, 0, len(written)+len(b.absent))
	for i, w := range written {
		a := lineAnswer{Line: b.lines[i], N: w.N}
		if w.N == 0 {
			a.Receipt = receiptUnchanged
		}
		answers = append(answers, a)
	}
	for _, line := range b.absent {
		answers = append(answers, lineAnswer{Line: line, Receipt: receiptUnchanged})
	}
	return answers
}

func refusal(err *sitesync.Error, line int) lineAnswer {
	e := *err
	e.Line = 0 // it stands beside the error
	return lineAnswer{Line: line, Error: &e}
}

// arrived is what a stream brought: lines to write, and answers to lines that
// cannot be written.
type arrived struct {
	batch
	wrong []lineAnswer
}

// inflow is where a stream's reader leaves lines for its writer: at most one
// batch. Each waits for the other.
type inflow struct {
	room room

	mu      sync.Mutex
	moved   sync.Cond
	waiting arrived
	err     error // why nothing more comes
	stopped bool  // nobody takes anything any more
}

func newInflow(r room) *inflow {
	q := &inflow{room: r}
	q.moved.L = &q.mu
	return q
}

// fill reads until the body ends or stop is called.
func (q *inflow) fill(lines *lineReader) {
	var parser lineParser
	for {
		line, err := lines.next()
		if err != nil && !errors.Is(err, errLongLine) {
			q.end(err)
			return
		}
		var write localdb.Write
		if err == nil {
			write, err = parser.check(line)
		}
		if !q.put(write, lines.number, sitesync.AsError(err)) {
			return
		}
	}
}

// put leaves a line, or what is wrong with it. It is false after stop.
func (q *inflow) put(w localdb.Write, line int, wrong *sitesync.Error) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.stopped && (!q.waiting.fits(sizeOf(&w), q.room) || len(q.waiting.wrong) >= q.room.changes) {
		q.moved.Wait()
	}
	if wrong != nil {
		q.waiting.wrong = append(q.waiting.wrong, refusal(wrong, line))
	} else {
		q.waiting.add(w, line)
	}
	q.moved.Broadcast()
	return !q.stopped
}

// endOnPanic keeps a defect in the reading of one stream from ending the agent.
func (q *inflow) endOnPanic() {
	if cause := recover(); cause != nil {
		q.end(fmt.Errorf("reading a stream panicked: %v\n%s", cause, debug.Stack()))
	}
}

func (q *inflow) end(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.err = err
	q.moved.Broadcast()
}

func (q *inflow) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = true
	q.moved.Broadcast()
}

// take gives what has arrived, and waits for something to. What was read whole
// before the body ended comes before its end does.
func (q *inflow) take() (arrived, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting.writes)+len(q.waiting.wrong) == 0 {
		if q.err != nil {
			return arrived{}, q.err
		}
		q.moved.Wait()
	}
	t := q.waiting
	q.waiting = arrived{}
	q.moved.Broadcast()
	return t, nil
}
