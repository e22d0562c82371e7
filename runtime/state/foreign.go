package state

import (
	"encoding/json"
	"os"
	"strings"
)

// beginning says that a directory is one that a create has made and not yet written
// the record to, or a delete has removed that from: it holds nothing else than what
// becomes the record. Any other directory is not berth's.
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

// anothers says that a record is runc's, which engines can give the same state
// directory.
func anothers(data []byte) bool {
	var record struct {
		Backend *string          `json:"backend"`
		Init    *json.RawMessage `json:"init_process_pid"`
	}
	return json.Unmarshal(data, &record) == nil && record.Backend == nil && record.Init != nil
}

// Foreign names something in the state directory that is not berth's; "" if there is
// nothing.
func (s *Store) Foreign() string {
	entries, err := os.ReadDir(s.root)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "@") {
			continue // no container's id
		}
		if _, err := os.Lstat(s.dir(e.Name()) + "/" + recordName); err == nil {
			continue
		}
		if CheckID(e.Name()) != nil || !beginning(s.dir(e.Name())) {
			if _, err := os.Lstat(s.dir(e.Name())); err == nil { // it has not gone meanwhile
				return e.Name()
			}
		}
	}
	return ""
}
