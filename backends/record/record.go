// Package record writes and reads what later commands have to know about a container: a JSON object
// with the number of its format, the version of berth that wrote it, and a checksum of everything
// before the checksum.
package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Format is the number of the format that this berth writes. It also reads all lower formats. Raise
// it for a new field that an older berth must not overlook.
//
//	0  up to 0.1.0-dev, commit 668490f: without number, writer and sum
//	1  with them
const Format = 1

// Writer is the name and version of this berth.
var Writer = "berth"

// ErrDamaged means that no berth wrote the record in this form: it is cut short, or it was changed
// afterwards.
var ErrDamaged = errors.New("the record is damaged")

// NewerError means that the record has a newer format, which this berth does not know.
type NewerError struct {
	Format int
	// Writer is the name and version of the berth that wrote the record, as in the record.
	Writer string
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("it has format %d, written by %.100q, but this is %q, which reads formats up to %d: use the version of berth that wrote it, or a later one",
		e.Format, e.Writer, Writer, Format)
}

// The names of the fields around the value's own fields, and the end of a record.
const (
	keyFormat = "format"
	keyWriter = "berth"
	keySum    = "sum"

	sumBegin = `,"` + keySum + `":"`
	sumEnd   = `"}`
	sumSize  = len(sumBegin) + 2*sha256.Size + len(sumEnd)
)

// Marshal encodes v, a struct or another value that becomes a JSON object with at least one field.
func Marshal(v any) ([]byte, error) {
	own, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	if len(own) < len(`{"":0}`) || own[0] != '{' {
		return nil, fmt.Errorf("encode a record: %T is not an object with fields", v)
	}
	head, err := json.Marshal(struct {
		Format int    `json:"format"`
		Writer string `json:"berth"`
	}{Format, Writer})
	if err != nil {
		return nil, err
	}
	head[len(head)-1] = ','
	return seal(append(head, own[1:]...)), nil
}

// seal appends the checksum to a JSON object.
func seal(object []byte) []byte {
	sum := sha256.Sum256(object)
	out := append(object[:len(object)-1:len(object)-1], sumBegin...)
	out = hex.AppendEncode(out, sum[:])
	return append(out, sumEnd...)
}

// intact reports whether a record ends with the checksum of everything before it.
func intact(data []byte) bool {
	if len(data) <= sumSize {
		return false
	}
	object := append(bytes.Clone(data[:len(data)-sumSize]), '}')
	return bytes.Equal(seal(object), data)
}

// Unmarshal decodes a record that Marshal or a berth with an older format wrote. The error is a
// *NewerError or wraps ErrDamaged. A field that v does not have is damage, too, so that nothing is
// overlooked.
func Unmarshal(data []byte, v any) error {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &fields); err != nil {
		return damaged(err)
	}
	format, err := formatOf(fields)
	if err != nil {
		return err
	}
	if format > 0 && !intact(data) {
		return damaged(errors.New("its checksum does not match its content"))
	}
	for _, key := range []string{keyFormat, keyWriter, keySum} {
		if _, there := fields[key]; there && format == 0 {
			return damaged(fmt.Errorf("it has %q but no format", key))
		}
		delete(fields, key)
	}
	own, err := json.Marshal(fields)
	if err != nil {
		return damaged(err)
	}
	return Strictly(own, v)
}

// formatOf returns the record's format, or 0 if it names none. All future formats name their number
// in this way.
func formatOf(fields map[string]json.RawMessage) (int, error) {
	raw, there := fields[keyFormat]
	if !there {
		return 0, nil
	}
	var format *int
	if err := json.Unmarshal(raw, &format); err != nil || format == nil || *format < 1 {
		return 0, damaged(fmt.Errorf("its format is %.40q, not a positive number", raw))
	}
	if *format > Format {
		newer := &NewerError{Format: *format}
		_ = json.Unmarshal(fields[keyWriter], &newer.Writer) // a newer format may write it differently
		return 0, newer
	}
	return *format, nil
}

// Strictly decodes a part of a record: one JSON value without any field that v does not have. The
// error wraps ErrDamaged.
func Strictly(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return damaged(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return damaged(errors.New("there is more data after its end"))
	}
	return nil
}

func damaged(err error) error { return fmt.Errorf("%w: %w", ErrDamaged, err) }

// Damaged returns an error that wraps ErrDamaged and says what is impossible in a record.
func Damaged(format string, args ...any) error { return damaged(fmt.Errorf(format, args...)) }
