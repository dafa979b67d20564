package api

import "io"

// partSize is how much more memory a text takes when it is full.
const partSize = 256 << 10

// text keeps what is written to it until it is read, without ever copying it to
// a larger place, and gives the memory back as it is read.
type text struct {
	parts [][]byte
}

// Write keeps p. It never fails.
func (t *text) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		last := len(t.parts) - 1
		if last < 0 || len(t.parts[last]) == cap(t.parts[last]) {
			t.parts = append(t.parts, make([]byte, 0, partSize))
			last++
		}
		part := t.parts[last]
		m := min(len(p), cap(part)-len(part))
		t.parts[last] = append(part, p[:m]...)
		p = p[m:]
	}
	return n, nil
}

// Read gives what is kept, and forgets it.
func (t *text) Read(p []byte) (int, error) {
	if len(t.parts) == 0 {
		return 0, io.EOF
	}
	n := copy(p, t.parts[0])
	if t.parts[0] = t.parts[0][n:]; len(t.parts[0]) == 0 {
		t.parts[0] = nil
		t.parts = t.parts[1:]
	}
	return n, nil
}
