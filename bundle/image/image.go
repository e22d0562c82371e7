package image

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/berth-oci/berth/bundle/layer"
)

// Image is one image for one platform. Its layers are still to be read.
type Image struct {
	// Name is what the image is called where it was found; may be empty.
	Name   string
	Config Config
	// Layers from the lowest up.
	Layers []Layer
	store  store
}

// Close lets go of what the image is read from.
func (i *Image) Close() error { return i.store.Close() }

// Size is that of all layers as they are stored, in bytes.
func (i *Image) Size() int64 {
	var n int64
	for _, l := range i.Layers {
		n += l.Size
	}
	return n
}

// Open finds an image and reads its configuration. A layout may hold images for
// several platforms: it is the one for p. What has to be uncompressed for that is
// bounded by the limits.
func Open(ctx context.Context, r Reference, p Platform, limits layer.Limits) (*Image, error) {
	var s store
	var err error
	if r.Transport == OCI {
		s, err = openDirectory(r.Path)
	} else {
		s, err = openArchive(ctx, r.Path, limits)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r, err)
	}
	var i *Image
	if r.Transport == DockerArchive {
		i, err = openDocker(s, r.Name)
	} else {
		i, err = openLayout(s, r.Name, p)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("%s: %w", r, err)
	}
	i.store = s
	return i, nil
}

// maxDocument bounds an index, a manifest or a configuration, in bytes.
const maxDocument = 8 << 20

// document reads a small file of the store; its digest must be d, if one is
// given.
func document(s store, name string, d Digest, into any) error {
	f, size, err := s.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if size > maxDocument {
		return fmt.Errorf("%s has %d bytes, more than such a document may have", name, size)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxDocument+1))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if d != "" {
		sum := d.hash()
		sum.Write(data)
		if _, ok := d.is(sum); !ok {
			return fmt.Errorf("%s does not have the digest %s: it is damaged or was replaced", name, d)
		}
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// diffIDs are the digests of the uncompressed layers, one for each of n layers.
func diffIDs(config *Config, n int) ([]Digest, error) {
	ids := config.RootFS.DiffIDs
	if len(ids) != n {
		return nil, fmt.Errorf("the image has %d layers, and digests for %d in its configuration (rootfs.diff_ids)", n, len(ids))
	}
	for _, id := range ids {
		if err := id.check(); err != nil {
			return nil, fmt.Errorf("rootfs.diff_ids: %w", err)
		}
	}
	return ids, nil
}

// maxLayers is more than any engine can mount over each other.
const maxLayers = 1000

// choices writes the names that could have been asked for.
func choices(names []string) string {
	const most = 20
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}
