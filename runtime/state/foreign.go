package state

import (
	"encoding/json"
	"os"
	"strings"
)

// beginning is true for a directory to which create has not yet written the record, or from which
// delete has just removed it: the directory holds nothing but temporary files of the record, and
// has a mode that berth gives. A directory without a record for which beginning is false does not
// belong to berth.
func beginning(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || info.Mode().Perm() != dirMode && info.Mode().Perm() != 0o700 {
		return false
	}
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "."+recordName) {
			return false
		}
	}
	return err == nil
}

// anothers is true for a record of runc, to which engines can give the same state directory.
func anothers(data []byte) bool {
	var record struct {
		Backend *string          `json:"backend"`
		Init    *json.RawMessage `json:"init_process_pid"`
	}
	return json.Unmarshal(data, &record) == nil && record.Backend == nil && record.Init != nil
}

// Foreign returns the name of something in the state directory that does not belong to berth, or ""
// if there is nothing.
func (s *Store) Foreign() string {
	entries, err := os.ReadDir(s.root)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "@") {
			continue // not a container's id
		}
		if _, err := os.Lstat(s.dir(e.Name()) + "/" + recordName); err == nil {
			continue
		}
		if CheckID(e.Name()) != nil || !beginning(s.dir(e.Name())) {
			if _, err := os.Lstat(s.dir(e.Name())); err == nil { // it is still there
				return e.Name()
			}
		}
	}
	return ""
}
