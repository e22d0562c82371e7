package image

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// The media types that Docker's registries have for what OCI has taken over.
const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerLayer    = "application/vnd.docker.image.rootfs.diff.tar"
)

// maxNested bounds how deep indexes refer to indexes.
const maxNested = 4

// openLayout finds an image in an image layout (image-layout.md).
func openLayout(s store, name string, p Platform) (*Image, error) {
	var layout v1.ImageLayout
	if err := document(s, v1.ImageLayoutFile, "", &layout); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("this is no OCI image layout: %w", err)
		}
		return nil, err
	}
	if !strings.HasPrefix(layout.Version, "1.") {
		return nil, fmt.Errorf("%s: imageLayoutVersion %q is not known: it is 1.0.0", v1.ImageLayoutFile, layout.Version)
	}
	var index v1.Index
	if err := document(s, v1.ImageIndexFile, "", &index); err != nil {
		return nil, err
	}
	d, err := byName(index.Manifests, name)
	if err != nil {
		return nil, err
	}
	if d == nil {
		if !oneName(index.Manifests) {
			return nil, fmt.Errorf("there are several images; name one of: %s", choices(namesOf(index.Manifests)))
		}
		if d, err = byPlatform(index.Manifests, p); err != nil {
			return nil, err
		}
	}
	called := d.Annotations[v1.AnnotationRefName]
	for range maxNested {
		switch d.MediaType {
		case v1.MediaTypeImageManifest, dockerManifest:
			i, err := openManifest(s, d, p)
			if i != nil {
				i.Name = called
			}
			return i, err
		case v1.MediaTypeImageIndex, dockerList:
			var nested v1.Index
			if err := blobDocument(s, d, &nested); err != nil {
				return nil, err
			}
			if d, err = byPlatform(nested.Manifests, p); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%s has the media type %q, which is no image's", d.Digest, d.MediaType)
		}
	}
	return nil, fmt.Errorf("indexes are nested deeper than %d", maxNested)
}

func namesOf(list []v1.Descriptor) []string {
	var names []string
	for _, d := range list {
		if name := d.Annotations[v1.AnnotationRefName]; name != "" {
			names = append(names, ":"+name)
		} else {
			names = append(names, "@"+string(d.Digest))
		}
	}
	return names
}

// byName finds a descriptor by its name or digest. Without a name it is the only
// one, or nil if there are several.
func byName(list []v1.Descriptor, name string) (*v1.Descriptor, error) {
	if name == "" {
		if len(list) == 1 {
			return &list[0], nil
		}
		return nil, nil
	}
	for i, d := range list {
		if d.Annotations[v1.AnnotationRefName] == name || "@"+string(d.Digest) == name {
			return &list[i], nil
		}
	}
	return nil, fmt.Errorf("there is no image %q; there are: %s", name, choices(namesOf(list)))
}

// oneName says if all are called alike: one image for several platforms.
func oneName(list []v1.Descriptor) bool {
	for _, d := range list {
		if d.Annotations[v1.AnnotationRefName] != list[0].Annotations[v1.AnnotationRefName] || d.Platform == nil {
			return false
		}
	}
	return true
}

// byPlatform finds the one descriptor for a platform; the first, where an index
// says that several match, as its order is that of preference.
func byPlatform(list []v1.Descriptor, p Platform) (*v1.Descriptor, error) {
	var found []string
	for i, d := range list {
		if d.Platform == nil {
			continue
		}
		if p.matches(d.Platform) {
			return &list[i], nil
		}
		found = append(found, Platform{d.Platform.OS, d.Platform.Architecture, d.Platform.Variant}.String())
	}
	if len(found) == 0 {
		return nil, errors.New("the index lists no image with its platform")
	}
	return nil, fmt.Errorf("there is no image for %s; there are: %s", p, choices(found))
}

func blobName(d digest.Digest) string {
	return v1.ImageBlobsDir + "/" + d.Algorithm().String() + "/" + d.Encoded()
}

func blobDocument(s store, d *v1.Descriptor, into any) error {
	if err := checkDigest(d.Digest); err != nil {
		return err
	}
	return document(s, blobName(d.Digest), d.Digest, into)
}

// openManifest reads a manifest and the configuration it names.
func openManifest(s store, d *v1.Descriptor, p Platform) (*Image, error) {
	var m v1.Manifest
	if err := blobDocument(s, d, &m); err != nil {
		return nil, err
	}
	i := &Image{}
	if err := blobDocument(s, &m.Config, &i.Config); err != nil {
		return nil, err
	}
	own := i.Config.Platform
	if own.OS == "" && own.Architecture == "" {
		return nil, fmt.Errorf("%s is no image's configuration: it has no os and architecture", m.Config.Digest)
	}
	if !p.matches(&own) {
		return nil, fmt.Errorf("the image is for %s, not for %s; --platform chooses another", Platform{own.OS, own.Architecture, own.Variant}, p)
	}
	if len(m.Layers) > maxLayers {
		return nil, fmt.Errorf("the image has %d layers", len(m.Layers))
	}
	ids, err := diffIDs(&i.Config, len(m.Layers))
	if err != nil {
		return nil, err
	}
	for n, l := range m.Layers {
		if err := checkDigest(l.Digest); err != nil {
			return nil, fmt.Errorf("layer %d: %w", n+1, err)
		}
		if !isLayer(l.MediaType) {
			return nil, fmt.Errorf("layer %d (%s): media type %q cannot be unpacked", n+1, l.Digest, l.MediaType)
		}
		i.Layers = append(i.Layers, Layer{Number: n + 1, Digest: l.Digest, DiffID: ids[n], Size: l.Size, store: s, file: blobName(l.Digest)})
	}
	return i, nil
}

// isLayer says if a media type is a tar archive's, compressed or not; with what
// is seen from its first bytes, as engines have got it wrong.
func isLayer(mediaType string) bool {
	base, compression, _ := strings.Cut(mediaType, "+")
	switch base {
	case v1.MediaTypeImageLayer, "application/vnd.oci.image.layer.nondistributable.v1.tar", dockerLayer:
		return compression == "" || compression == "gzip" || compression == "zstd"
	}
	return mediaType == dockerLayer+".gzip" || mediaType == dockerLayer+".zstd"
}
