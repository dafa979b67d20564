package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkBulk sends stock lines of about 300 bytes over loopback to a
// database on disk; an iteration is a line, durable when it is answered. The
// database benchmark makes the same writes without the API, in the same
// transactions: the API should cost little beside it.
func BenchmarkBulk(b *testing.B) {
	for _, query := range []string{"", "?stream=1"} {
		b.Run("api"+query, func(b *testing.B) { benchmarkAPI(b, query) })
	}
	b.Run("database", func(b *testing.B) {
		db := openDB(b, b.TempDir())
		defer db.Close()
		addStore(b, db, 3, "NAD1")
		bytes, changes := db.WriteLimit()
		batches := batchReader{lines: lineReader{in: stockBody(b.N)}, room: room{bytes, changes}}
		b.ReportAllocs()
		b.ResetTimer()
		for {
			batch, err := batches.next()
			if errors.Is(err, io.EOF) {
				break
			}
			check(b, err)
			_, err = db.Write(3, batch.writes)
			check(b, err)
		}
		report(b)
	})
}

// BenchmarkCheck reads and checks lines, without writing them.
func BenchmarkCheck(b *testing.B) {
	body := stockBody(b.N)
	b.ReportAllocs()
	b.ResetTimer()
	_, err := checkLines(body)
	check(b, err)
	report(b)
}

func report(b *testing.B) {
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

func stockBody(lines int) *bytes.Buffer {
	var body bytes.Buffer
	for i := range lines {
		body.Write(stockLine(i))
	}
	return &body
}

func benchmarkAPI(b *testing.B, query string) {
	dir := b.TempDir()
	db := openDB(b, dir)
	defer db.Close()
	addStore(b, db, 3, "NAD1")
	tokens, err := OpenTokens(dir)
	check(b, err)
	token, err := tokens.Create("bench", RoleApp)
	check(b, err)
	api := New(Options{DB: db, Agent: &fakeAgent{}, Tokens: tokens})
	defer api.Close()
	server := httptest.NewServer(api)
	defer server.Close()
	bodies := [][]byte{}
	for i := 0; i < b.N; i += 100_000 {
		var body bytes.Buffer
		for j := i; j < min(b.N, i+100_000); j++ {
			body.Write(stockLine(j))
		}
		bodies = append(bodies, body.Bytes())
	}
	b.ReportAllocs()
	b.ResetTimer()
	for _, body := range bodies {
		r, err := http.NewRequest("POST", server.URL+theRecords+query, bytes.NewReader(body))
		check(b, err)
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", typeNDJSON)
		answer, err := http.DefaultClient.Do(r)
		check(b, err)
		_, err = io.Copy(io.Discard, answer.Body)
		check(b, err)
		answer.Body.Close()
		if answer.StatusCode != 200 {
			b.Fatal(answer.Status)
		}
	}
	report(b)
	if s, _ := db.Store(3); s.Records != int64(b.N) {
		b.Fatalf("%d records after %d lines", s.Records, b.N)
	}
}
