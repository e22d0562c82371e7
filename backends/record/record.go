// Package record writes down what a later command has to know of a container, and
// reads it: one JSON object with the format's number, the berth that has written
// it, and a sum over all of it.
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

// Format is the number of the format that this berth writes. It reads those below
// as well. A field that an older berth must not overlook raises it.
//
//	0  up to 0.1.0-dev, commit 668490f: without number, writer and sum
//	1  with them
const Format = 1

// Writer says which berth this is.
var Writer = "berth"

// ErrDamaged is of what no berth has written so: it is cut short, or somebody or
// something has changed it.
var ErrDamaged = errors.New("the record is damaged")

// NewerError is of a format that this berth does not know.
type NewerError struct {
	Format int
	// Writer is the berth that has written it, as that calls itself.
	Writer string
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("it has format %d, written by %.100q; this is %q, which reads formats up to %d: use the berth that has written it, or a later one",
		e.Format, e.Writer, Writer, Format)
}

// The names of the fields around a value's own, and the end of a record.
const (
	keyFormat = "format"
	keyWriter = "berth"
	keySum    = "sum"

	sumBegin = `,"` + keySum + `":"`
	sumEnd   = `"}`
	sumSize  = len(sumBegin) + 2*sha256.Size + len(sumEnd)
)

// Marshal writes a struct, or what else becomes a JSON object that is not empty.
func Marshal(v any) ([]byte, error) {
	own, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	if len(own) < len(`{"":0}`) || own[0] != '{' {
		return nil, fmt.Errorf("a record of %T", v)
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

// seal adds the sum to an object.
func seal(object []byte) []byte {
	sum := sha256.Sum256(object)
	out := append(object[:len(object)-1:len(object)-1], sumBegin...)
	out = hex.AppendEncode(out, sum[:])
	return append(out, sumEnd...)
}

// intact says whether a record ends with the sum of what is before.
func intact(data []byte) bool {
	if len(data) <= sumSize {
		return false
	}
	object := append(bytes.Clone(data[:len(data)-sumSize]), '}')
	return bytes.Equal(seal(object), data)
}

// Unmarshal reads what Marshal has written, or a berth of an older format. The
// error is a *NewerError or wraps ErrDamaged. What v has no field for is damage,
// too: nothing is overlooked.
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
		return damaged(errors.New("its sum is not that of what it says"))
	}
	for _, key := range []string{keyFormat, keyWriter, keySum} {
		if _, there := fields[key]; there && format == 0 {
			return damaged(fmt.Errorf("it has %q and no format", key))
		}
		delete(fields, key)
	}
	own, err := json.Marshal(fields)
	if err != nil {
		return damaged(err)
	}
	return Strictly(own, v)
}

// formatOf is 0 where none is named. All formats to come name theirs in this way.
func formatOf(fields map[string]json.RawMessage) (int, error) {
	raw, there := fields[keyFormat]
	if !there {
		return 0, nil
	}
	var format *int
	if err := json.Unmarshal(raw, &format); err != nil || format == nil || *format < 1 {
		return 0, damaged(fmt.Errorf("%.40q is no format", raw))
	}
	if *format > Format {
		newer := &NewerError{Format: *format}
		_ = json.Unmarshal(fields[keyWriter], &newer.Writer) // it may have another form there
		return 0, newer
	}
	return *format, nil
}

// Strictly reads a part of a record: a JSON value without anything that v has no
// field for. The error wraps ErrDamaged.
func Strictly(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return damaged(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return damaged(errors.New("there is more behind it"))
	}
	return nil
}

func damaged(err error) error { return fmt.Errorf("%w: %w", ErrDamaged, err) }

// Damaged wraps ErrDamaged with what in a record cannot be.
func Damaged(format string, args ...any) error { return damaged(fmt.Errorf(format, args...)) }
