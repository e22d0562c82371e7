package volume

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/host"
)

// newDisk matches a volume to be created: STORAGE:SIZE, with the size in GiB (pct(1), --rootfs).
var newDisk = regexp.MustCompile(`(?i)^([a-z][a-z0-9\-_.]*[a-z0-9]):(\d+(?:\.\d+)?)$`)

// NewDisk splits STORAGE:SIZE. ok is false for an existing volume.
func NewDisk(volume string) (storage, size string, ok bool) {
	m := newDisk.FindStringSubmatch(volume)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

// Allocate creates a volume for a container in a directory storage and returns its ID. The volume
// is a directory, like PVE's "subvol", and so has no size. owner is the host's id for the
// container's root.
func Allocate(h *host.Host, storage, vmid string, owner int) (string, error) {
	s, err := directoryStorage(h, storage)
	if err != nil {
		return "", err
	}
	for n := range 100 {
		id := fmt.Sprintf("%s:%s/subvol-%s-disk-%d.subvol", storage, vmid, vmid, n)
		path := h.Path(s.path(id))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		err := os.Mkdir(path, 0o755)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err == nil {
			err = os.Chown(path, owner, owner)
		}
		return id, err
	}
	return "", failure.New("unable to allocate an image name for VM %s in storage '%s'", vmid, storage)
}

// Free removes a volume, and the container's directory if it is empty then.
func Free(h *host.Host, id string) error {
	path, err := Path(h, id)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(h.Path(path)); err != nil {
		return err
	}
	_ = os.Remove(filepath.Dir(h.Path(path)))
	return nil
}

var volumeName = regexp.MustCompile(`^\d+/subvol-\d+-disk-\d+\.subvol$`)

// Path returns the path of a volume on the host.
func Path(h *host.Host, id string) (string, error) {
	storage, name, ok := Split(id)
	if !ok || !volumeName.MatchString(name) {
		return "", failure.New("unable to parse directory volume name '%s'", strings.TrimPrefix(id, storage+":"))
	}
	s, err := directoryStorage(h, storage)
	if err != nil {
		return "", err
	}
	return s.path(id), nil
}

func (s Storage) path(id string) string {
	_, name, _ := Split(id)
	return filepath.Join(s.Options["path"], "images", name)
}

func directoryStorage(h *host.Host, id string) (Storage, error) {
	storages, err := Storages(h)
	if err != nil {
		return Storage{}, err
	}
	s, ok := storages[id]
	switch {
	case !ok:
		return s, failure.New("storage '%s' does not exist", id)
	case s.Kind != "dir" || s.Options["path"] == "":
		return s, failure.New("unsupported storage: the stand-in makes volumes in directories, not in '%s'", s.Kind)
	}
	return s, nil
}
