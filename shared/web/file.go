package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// file is one that is served from memory. It is compressed when the first
// browser asks, so that a start costs nothing.
type file struct {
	content     []byte
	contentType string
	tag         string
	gzipped     func() []byte
}

func newFile(content []byte, contentType string) *file {
	sum := sha256.Sum256(content)
	return &file{content: content, contentType: contentType, tag: hex.EncodeToString(sum[:12]),
		gzipped: sync.OnceValue(func() []byte { return compress(content) })}
}

func compress(content []byte) []byte {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.DefaultCompression)
	if err != nil {
		panic(err) // the level is a constant
	}
	z.Write(content) // a bytes.Buffer takes everything
	z.Close()
	return out.Bytes()
}

func (f *file) serve(w http.ResponseWriter, r *http.Request, keep string) {
	h := w.Header()
	h.Set("Cache-Control", keep)
	h.Set("Content-Type", f.contentType)
	h.Set("Vary", "Accept-Encoding")
	body, tag := f.content, `"`+f.tag+`"`
	if takesGzip(r) {
		body, tag = f.gzipped(), `"`+f.tag+`-gz"`
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", tag)
	if has(r.Header.Get("If-None-Match"), tag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		w.Write(body) // a browser that went away needs nothing
	}
}

// has says whether an If-None-Match names a tag.
func has(header, tag string) bool {
	for known := range strings.SplitSeq(header, ",") {
		if known = strings.TrimPrefix(strings.TrimSpace(known), "W/"); known == tag || known == "*" {
			return true
		}
	}
	return false
}

func takesGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			q, found := strings.CutPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
			worth, err := strconv.ParseFloat(q, 64)
			return !found || err == nil && worth > 0
		}
	}
	return false
}
