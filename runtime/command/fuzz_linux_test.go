package command

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/berth-oci/berth/backends/record"
	"github.com/berth-oci/berth/runtime/state"
)

// FuzzRecord reads any bytes as a record, and deletes the container. No command may panic, a
// backend may only act on a record that passed its CheckRecord, and delete must remove everything
// but the record of a newer berth.
func FuzzRecord(f *testing.F) {
	for _, data := range formats(f) {
		f.Add(data, false)
		f.Add(data, true)
	}
	for _, seed := range []string{"", "{}", "null", `{"format":2}`, `{"id":"r","backend":"jail"}`, `{"id":"r","backend":"lxc","data":"x"}`} {
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, sealed bool) {
		if sealed { // as if berth had written the data
			fields := map[string]any{}
			if record.Unmarshal(data, &fields) != nil || len(fields) == 0 {
				return
			}
			var err error
			if data, err = record.Marshal(fields); err != nil {
				t.Fatal(err)
			}
		}
		if bytes.Contains(bytes.ToLower(data), []byte("hooks")) || bytes.Contains(data, []byte(`\u`)) {
			return // the hooks would run
		}
		r := newRecords(t, data)
		_, stateErr := r.state()
		if list, err := r.List(); err != nil || len(list) > 1 {
			t.Fatalf("%q: list: %+v, %v", data, list, err)
		}
		err := r.delete(t.Context(), recordID, true)
		var newer *record.NewerError
		if errors.As(err, &newer) && r.holds() {
			return
		}
		if err != nil || r.holds() {
			t.Fatalf("%q: delete --force: %v", data, err)
		}
		deleted, _ := r.deleted()
		if stateErr != nil && (len(deleted) > 0 || !errors.Is(stateErr, state.ErrDamaged)) {
			t.Fatalf("%q: %v, and a backend was to delete it", data, stateErr)
		}
		for _, c := range deleted {
			if c.ID != recordID || c.Process.Pid == 1 || c.Process.Pid < 0 || strings.Contains(string(c.Data), `"limits":"/"`) {
				t.Fatalf("%q: a backend was to delete %+v", data, c)
			}
		}
	})
}
