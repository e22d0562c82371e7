// Package volume finds what containers are made of: storages, templates, and directories of the
// host.
package volume

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/host"
	"github.com/berth-oci/berth/integration/pve/schema"
)

// Storage is a section of storage.cfg.
type Storage struct {
	ID, Kind string
	Options  map[string]string
}

// Holds returns true if the storage may hold a content type (rootdir, vztmpl …).
func (s Storage) Holds(content string) bool {
	return slices.Contains(strings.Split(s.Options["content"], ","), content)
}

// Storages reads storage.cfg. Without that file there is only the storage local, which holds no
// containers.
func Storages(h *host.Host) (map[string]Storage, error) {
	list := map[string]Storage{
		"local": {ID: "local", Kind: "dir", Options: map[string]string{"path": "/var/lib/vz", "content": "iso,vztmpl,backup"}},
	}
	raw, err := os.ReadFile(h.Path("/etc/pve/storage.cfg"))
	if os.IsNotExist(err) {
		return list, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read storage.cfg: %w", err)
	}
	var current Storage
	for line := range strings.Lines(string(raw)) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		case strings.HasSuffix(words[0], ":") && len(words) > 1:
			current = Storage{ID: words[1], Kind: strings.TrimSuffix(words[0], ":"), Options: map[string]string{}}
			list[current.ID] = current
		case current.Options != nil:
			current.Options[words[0]] = strings.Join(words[1:], " ")
		}
	}
	return list, nil
}

// CheckRootDir fails if a storage does not exist or may not hold containers.
func CheckRootDir(h *host.Host, id string) error {
	storages, err := Storages(h)
	if err != nil {
		return err
	}
	storage, ok := storages[id]
	if !ok {
		return failure.New("storage '%s' does not exist", id)
	}
	if !storage.Holds("rootdir") {
		return schema.Invalid(schema.Errors{
			"storage": fmt.Sprintf("storage '%s' does not support container directories", id),
		})
	}
	return nil
}

var volumeID = regexp.MustCompile(`(?i)^([a-z][a-z0-9\-_.]*[a-z0-9]):(.+)$`)

// Split splits a volume ID into storage and volume. ok is false for a path.
func Split(volume string) (storage, name string, ok bool) {
	m := volumeID.FindStringSubmatch(volume)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

// FindTemplate returns the file that an ostemplate argument names.
func FindTemplate(h *host.Host, template string) (string, error) {
	storageID, name, isVolume := Split(template)
	if !isVolume {
		info, err := os.Stat(h.Path(template))
		if err != nil || !info.Mode().IsRegular() {
			return "", failure.Missing("can't find file '%s'", template)
		}
		return h.Path(template), nil
	}
	storages, err := Storages(h)
	if err != nil {
		return "", err
	}
	storage, ok := storages[storageID]
	if !ok {
		return "", failure.New("storage '%s' does not exist", storageID)
	}
	file, ok := strings.CutPrefix(name, "vztmpl/")
	path := filepath.Join(storage.Options["path"], "template/cache", file)
	info, err := os.Stat(h.Path(path))
	if !ok || err != nil || !info.Mode().IsRegular() {
		return "", failure.Missing("volume '%s' does not exist", template)
	}
	return h.Path(path), nil
}
