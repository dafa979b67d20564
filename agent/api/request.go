package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"sitesync/shared/sitesync"
)

const (
	typeJSON   = "application/json"
	typeNDJSON = "application/x-ndjson"

	maxCommand  = 256 << 10 // bytes of a body that is not data; a CA certificate fits
	commandTime = time.Minute
)

// hasType refuses a body of another media type. Parameters are ignored.
func hasType(r *http.Request, want string) error {
	got := r.Header.Get("Content-Type")
	if kind, _, err := mime.ParseMediaType(got); err == nil && kind == want {
		return nil
	}
	return sitesync.Errorf(sitesync.CodeContentType, "send it with Content-Type: "+want, "the body has the type %q", clip(got))
}

// body is a request's body, bounded in bytes and in time.
type body struct {
	in    io.Reader
	conn  *http.ResponseController
	most  int64
	pause time.Duration // longest wait for more
	end   time.Time     // zero for none

	mu    sync.Mutex
	ended bool // nothing more is read
}

// bodyOf bounds the body of a request to most bytes that arrive within a time.
func bodyOf(w http.ResponseWriter, r *http.Request, most int64, within time.Duration) *body {
	return &body{in: http.MaxBytesReader(w, r.Body, most), conn: http.NewResponseController(w),
		most: most, pause: bodyPause, end: time.Now().Add(within)}
}

// endlessBodyOf takes a body of any length; its sender may pause a while.
func endlessBodyOf(w http.ResponseWriter, r *http.Request) *body {
	return &body{in: r.Body, conn: http.NewResponseController(w), pause: streamPause}
}

// Read gives up on a sender that stops in the middle.
func (b *body) Read(p []byte) (int, error) {
	b.patience()
	n, err := b.in.Read(p)
	if err == nil {
		return n, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	// net/http goes on to watch the connection, to see whether the caller leaves.
	_ = b.conn.SetReadDeadline(time.Time{})
	if errors.Is(err, io.EOF) {
		return n, err
	}
	return n, b.explain(err)
}

func (b *body) patience() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return
	}
	deadline := time.Now().Add(b.pause)
	if !b.end.IsZero() && deadline.After(b.end) {
		deadline = b.end
	}
	_ = b.conn.SetReadDeadline(deadline) // a test's recorder has none
}

// stop makes a Read that waits fail, and all that follow.
func (b *body) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ended {
		b.ended = true
		_ = b.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

func (b *body) explain(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(b.most)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return sitesync.Errorf(sitesync.CodeTimeout, "send it again", "the body did not arrive in time: %w", err)
	}
	return sitesync.Errorf(sitesync.CodeInvalid, "send it again, whole", "the body ended too early: %w", err)
}

func tooLarge(most int64) error {
	return sitesync.Errorf(sitesync.CodeTooLarge, "send less at once", "the body has more than %d bytes", most)
}

// readBody reads a body whole. One that says beforehand that it is too large
// is not read at all.
func readBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	if r.ContentLength > most {
		return nil, tooLarge(most)
	}
	var text bytes.Buffer
	if r.ContentLength > 0 {
		text.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	_, err := text.ReadFrom(bodyOf(w, r, most, commandTime))
	return text.Bytes(), err
}

// decode reads a command's body: one JSON object with none but known fields.
func decode(w http.ResponseWriter, r *http.Request, into any) error {
	if err := hasType(r, typeJSON); err != nil {
		return err
	}
	text, err := readBody(w, r, maxCommand)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err = d.Decode(into)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more than one value")
		}
	}
	if err != nil {
		return badJSON(err)
	}
	return nil
}

func badJSON(err error) error {
	if _, name, ok := strings.Cut(err.Error(), "unknown field "); ok {
		if plain, err := strconv.Unquote(name); err == nil {
			name = plain
		}
		return sitesync.Errorf(sitesync.CodeUnknownField, "leave it out", "there is no field %q", clip(name)).WithField(clip(name))
	}
	field := ""
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field = wrong.Field
	}
	// The text of the error could repeat a password.
	return sitesync.Errorf(sitesync.CodeInvalid, "send one JSON object as the API's description says", "the body is not the JSON that is wanted").WithField(field)
}

// noBody refuses a body where none is wanted, except an empty object.
func noBody(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength == 0 {
		return nil
	}
	return decode(w, r, &struct{}{})
}

// limitOf reads ?limit=.
func limitOf(r *http.Request, usual, most int) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, sitesync.Errorf(sitesync.CodeInvalid, "give a whole number from 1 to "+strconv.Itoa(most), "the limit %q cannot be", clip(text)).WithField("limit")
	}
	return n, nil
}

// flagOf reads a parameter that is there as 1 or true, or not.
func flagOf(r *http.Request, name string) (bool, error) {
	switch text := r.URL.Query().Get(name); text {
	case "", "0", "false":
		return false, nil
	case "1", "true":
		return true, nil
	default:
		return false, sitesync.Errorf(sitesync.CodeInvalid, "use "+name+"=1, or leave it out", "%s=%s cannot be", name, clip(text)).WithField(name)
	}
}
