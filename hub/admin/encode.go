package admin

import (
	"bytes"
	"encoding/json"

	"sitesync/shared/link"
	"sitesync/shared/sitesync"
)

// maxAnswer is the most bytes of an answer. What is left of an MQTT packet is
// for its header, topic and correlation data.
const maxAnswer = link.MaxPacket - 256<<10

// encoder is a result that holds data which must stay as it was given, byte
// for byte. encoding/json takes the blanks out of it.
type encoder interface{ encode() ([]byte, error) }

// encode writes JSON as it is sent: <, > and & stay readable.
func encode(v any) ([]byte, error) {
	switch v := v.(type) {
	case encoder:
		return v.encode()
	case sitesync.Record:
		return encodeRecord(v)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), err
}

// encodeAnswer writes an answer around a result that is JSON already. The ID
// is one that was checked, or none.
func encodeAnswer(id string, result json.RawMessage, e *sitesync.Error) []byte {
	if e != nil {
		failure, err := encode(e)
		if err != nil {
			panic("admin: an error of texts did not encode: " + err.Error())
		}
		return join(`{"id":"`, id, `","ok":false,"error":`, string(failure), `}`)
	}
	return join(`{"id":"`, id, `","ok":true,"result":`, string(result), `}`)
}

func join(parts ...string) []byte {
	var b bytes.Buffer
	for _, part := range parts {
		b.WriteString(part)
	}
	return b.Bytes()
}

// encodeRecord writes the shape R with its data byte for byte, in place of the
// null that stands there without data.
func encodeRecord(r sitesync.Record) ([]byte, error) {
	data := r.Data
	r.Data = nil
	b, err := encode(struct{ sitesync.Record }{r})
	if err != nil || data == nil {
		return b, err
	}
	// The members before it are a number, a table name and a record ID, in
	// which a quote is always escaped: the first match is the member.
	return bytes.Replace(b, []byte(`"data":null`), append([]byte(`"data":`), data...), 1), nil
}

func (r RecordResult) encode() ([]byte, error) {
	record, err := encode(r.Record)
	return join(`{"record":`, string(record), `}`), err
}

// pageBytes is the size from which a page of a list is full, whatever limit
// the caller named: a slow link should get something to read soon.
const pageBytes = 1 << 20

// Page is the result of a list.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"` // for after; "" on the last page

	bytes []byte // the items, with commas
}

// add appends an item. full says that the next one would be too much.
func (p *Page[T]) add(item T) (full bool, err error) {
	b, err := encode(item)
	if err != nil {
		return false, err
	}
	if len(p.Items) > 0 {
		p.bytes = append(p.bytes, ',')
	}
	p.Items = append(p.Items, item)
	p.bytes = append(p.bytes, b...)
	return len(p.bytes) >= pageBytes, nil
}

func (p Page[T]) encode() ([]byte, error) {
	if p.Next == "" {
		return join(`{"items":[`, string(p.bytes), `]}`), nil
	}
	next, err := encode(p.Next)
	return join(`{"items":[`, string(p.bytes), `],"next":`, string(next), `}`), err
}
