package image

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/berth-oci/berth/bundle/layer"
)

// Image is an image for one platform. Its layers have not been read yet.
type Image struct {
	// Name is the image's name in the layout or archive. It may be empty.
	Name   string
	Config Config
	// Layers begins with the lowest layer.
	Layers []Layer
	store  store
}

// Close closes the layout or archive.
func (i *Image) Close() error { return i.store.Close() }

// Size returns the stored size of all layers together, in bytes.
func (i *Image) Size() int64 {
	var n int64
	for _, l := range i.Layers {
		n += l.Size
	}
	return n
}

// Open finds an image and reads its configuration. If a layout holds images for several platforms,
// Open takes the one for p. limits bounds the size of an archive that must be uncompressed first.
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

// maxDocument is the largest size of an index, a manifest or a configuration, in bytes.
const maxDocument = 8 << 20

// document decodes a JSON file of the store. If d is not empty, the file must have that digest.
func document(s store, name string, d Digest, into any) error {
	f, size, err := s.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if size > maxDocument {
		return fmt.Errorf("%s has %d bytes: at most %d are allowed", name, size, maxDocument)
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

// diffIDs returns the digests of the n uncompressed layers. It fails if the configuration does not
// have exactly n.
func diffIDs(config *Config, n int) ([]Digest, error) {
	ids := config.RootFS.DiffIDs
	if len(ids) != n {
		return nil, fmt.Errorf("the image has %d layers, but its configuration has %d digests (rootfs.diff_ids)", n, len(ids))
	}
	for _, id := range ids {
		if err := id.check(); err != nil {
			return nil, fmt.Errorf("rootfs.diff_ids: %w", err)
		}
	}
	return ids, nil
}

// maxLayers is more layers than any engine can mount over each other.
const maxLayers = 1000

// choices lists the names from which the user can choose, at most 20 of them.
func choices(names []string) string {
	const most = 20
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}
