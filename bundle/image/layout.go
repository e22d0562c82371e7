package image

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// The media types of Docker's registries for content that OCI has adopted.
const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerLayer    = "application/vnd.docker.image.rootfs.diff.tar"
)

// maxNested is the deepest nesting of indexes.
const maxNested = 4

// openLayout finds an image in an image layout (image-layout.md).
func openLayout(s store, name string, p Platform) (*Image, error) {
	var layout layoutDocument
	if err := document(s, layoutFile, "", &layout); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("not an OCI image layout: %w", err)
		}
		return nil, err
	}
	if !strings.HasPrefix(layout.Version, "1.") {
		return nil, fmt.Errorf("%s: imageLayoutVersion must be 1.0.0, not %q", layoutFile, layout.Version)
	}
	var index indexDocument
	if err := document(s, indexFile, "", &index); err != nil {
		return nil, err
	}
	d, err := byName(index.Manifests, name)
	if err != nil {
		return nil, err
	}
	if d == nil {
		if !oneName(index.Manifests) {
			return nil, fmt.Errorf("the layout has several images: name one of them: %s", choices(namesOf(index.Manifests)))
		}
		if d, err = byPlatform(s, index.Manifests, p); err != nil {
			return nil, err
		}
	}
	called := d.Annotations[annotationName]
	for range maxNested {
		switch d.MediaType {
		case mediaTypeManifest, dockerManifest:
			i, err := openManifest(s, d, p)
			if i != nil {
				i.Name = called
			}
			return i, err
		case mediaTypeIndex, dockerList:
			var nested indexDocument
			if err := blobDocument(s, d, &nested); err != nil {
				return nil, err
			}
			if d, err = byPlatform(s, nested.Manifests, p); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%s has the media type %q, which is not that of an image", d.Digest, d.MediaType)
		}
	}
	return nil, fmt.Errorf("indexes are nested more than %d deep", maxNested)
}

func namesOf(list []descriptor) []string {
	var names []string
	for _, d := range list {
		if name := d.Annotations[annotationName]; name != "" {
			names = append(names, ":"+name)
		} else {
			names = append(names, "@"+string(d.Digest))
		}
	}
	return names
}

// byName finds a descriptor by its name or by its digest. Without a name it returns the only
// descriptor, or nil if there are several.
func byName(list []descriptor, name string) (*descriptor, error) {
	if name == "" {
		if len(list) == 1 {
			return &list[0], nil
		}
		return nil, nil
	}
	for i, d := range list {
		if d.Annotations[annotationName] == name || "@"+string(d.Digest) == name {
			return &list[i], nil
		}
	}
	return nil, fmt.Errorf("no image %q: the layout has %s", name, choices(namesOf(list)))
}

// oneName reports whether all descriptors have the same name and a platform: one image for several
// platforms.
func oneName(list []descriptor) bool {
	for _, d := range list {
		if d.Annotations[annotationName] != list[0].Annotations[annotationName] || d.Platform == nil {
			return false
		}
	}
	return true
}

// byPlatform finds the descriptor for a platform. If several match, it takes the first, because the
// order of an index is the order of preference. A descriptor may omit the platform
// (image-index.md); its configuration then decides, and such descriptors come last. A nested index
// without a platform is opened only if it is the only descriptor.
func byPlatform(s store, list []descriptor, p Platform) (*descriptor, error) {
	const most = 50 // most configurations that are read
	var found []string
	var failed error
	var silent []*descriptor
	for i, d := range list {
		if d.Platform == nil {
			silent = append(silent, &list[i])
			continue
		}
		if p.matches(d.Platform) {
			return &list[i], nil
		}
		found = append(found, d.Platform.String())
	}
	if len(list) == 1 && len(silent) == 1 && (silent[0].MediaType == mediaTypeIndex || silent[0].MediaType == dockerList) {
		return silent[0], nil
	}
	for _, d := range silent[:min(len(silent), most)] {
		_, c, err := readManifest(s, d)
		if err != nil {
			failed = err
			continue
		}
		own := c.platform()
		if p.matches(&own) {
			return d, nil
		}
		found = append(found, own.String())
	}
	switch {
	case len(found) > 0:
		return nil, fmt.Errorf("no image for platform %s: the index has %s", p, choices(found))
	case failed != nil:
		return nil, fmt.Errorf("the index has no image whose platform is known: %w", failed)
	}
	return nil, errors.New("the index has no image")
}

// readManifest reads a manifest and the configuration to which it refers.
func readManifest(s store, d *descriptor) (*manifestDocument, *Config, error) {
	if d.MediaType != mediaTypeManifest && d.MediaType != dockerManifest {
		return nil, nil, fmt.Errorf("%s has the media type %q, which is not that of an image", d.Digest, d.MediaType)
	}
	var m manifestDocument
	if err := blobDocument(s, d, &m); err != nil {
		return nil, nil, err
	}
	var c Config
	if err := blobDocument(s, &m.Config, &c); err != nil {
		return nil, nil, err
	}
	if c.OS == "" && c.Architecture == "" {
		return nil, nil, fmt.Errorf("%s is not an image configuration: it has neither os nor architecture", m.Config.Digest)
	}
	return &m, &c, nil
}

func blobName(d Digest) string {
	algorithm, encoded := d.split()
	return blobsDir + "/" + algorithm + "/" + encoded
}

func blobDocument(s store, d *descriptor, into any) error {
	if err := d.Digest.check(); err != nil {
		return err
	}
	return document(s, blobName(d.Digest), d.Digest, into)
}

// openManifest opens the image of a manifest. It fails if the image is not for p.
func openManifest(s store, d *descriptor, p Platform) (*Image, error) {
	m, c, err := readManifest(s, d)
	if err != nil {
		return nil, err
	}
	i := &Image{Config: *c}
	if own := c.platform(); !p.matches(&own) {
		return nil, fmt.Errorf("the image is for platform %s, not for %s: --platform chooses another", &own, p)
	}
	if len(m.Layers) > maxLayers {
		return nil, fmt.Errorf("the image has %d layers: at most %d are allowed", len(m.Layers), maxLayers)
	}
	ids, err := diffIDs(&i.Config, len(m.Layers))
	if err != nil {
		return nil, err
	}
	for n, l := range m.Layers {
		if err := l.Digest.check(); err != nil {
			return nil, fmt.Errorf("layer %d: %w", n+1, err)
		}
		if !isLayer(l.MediaType) {
			return nil, fmt.Errorf("layer %d (%s): media type %q is not supported", n+1, l.Digest, l.MediaType)
		}
		i.Layers = append(i.Layers, Layer{Number: n + 1, Digest: l.Digest, DiffID: ids[n], Size: l.Size, store: s, file: blobName(l.Digest)})
	}
	return i, nil
}

// isLayer reports whether a media type is that of a tar archive, compressed or not. The first bytes
// of the layer decide its compression, because engines have written wrong suffixes.
func isLayer(mediaType string) bool {
	base, compression, _ := strings.Cut(mediaType, "+")
	switch base {
	case mediaTypeLayer, "application/vnd.oci.image.layer.nondistributable.v1.tar", dockerLayer:
		return compression == "" || compression == "gzip" || compression == "zstd"
	}
	return mediaType == dockerLayer+".gzip" || mediaType == dockerLayer+".zstd"
}
