package image

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// dockerImage is an entry in the manifest.json of an archive that docker save writes.
type dockerImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

const dockerIndex = "manifest.json"

// openDocker finds an image in an archive that docker save or podman save wrote.
func openDocker(s store, name string) (*Image, error) {
	var list []dockerImage
	if err := document(s, dockerIndex, "", &list); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("not an archive from docker save: %w", err)
		}
		return nil, err
	}
	d, err := dockerByName(list, name)
	if err != nil {
		return nil, err
	}
	i := &Image{}
	if len(d.RepoTags) > 0 {
		i.Name = d.RepoTags[0]
	}
	if err := document(s, d.Config, nameDigest(d.Config), &i.Config); err != nil {
		return nil, err
	}
	if len(d.Layers) > maxLayers {
		return nil, fmt.Errorf("the image has %d layers: at most %d are allowed", len(d.Layers), maxLayers)
	}
	ids, err := diffIDs(&i.Config, len(d.Layers))
	if err != nil {
		return nil, err
	}
	for n, file := range d.Layers {
		f, size, err := s.Open(file)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", n+1, err)
		}
		f.Close()
		i.Layers = append(i.Layers, Layer{Number: n + 1, DiffID: ids[n], Size: size, store: s, file: file})
	}
	return i, nil
}

// nameDigest returns the digest in the file name of a configuration: ID.json, or blobs/sha256/ID in
// newer archives. It returns "" if the name holds none.
func nameDigest(name string) Digest {
	d := Digest("sha256:" + strings.TrimSuffix(path.Base(name), ".json"))
	if d.check() != nil {
		return ""
	}
	return d
}

func dockerByName(list []dockerImage, name string) (*dockerImage, error) {
	var names []string
	for i := range list {
		tags := list[i].RepoTags
		if name != "" && (slices.Contains(tags, name) || slices.Contains(tags, name+":latest") || slices.Contains(tags, "docker.io/library/"+name) || slices.Contains(tags, "localhost/"+name)) {
			return &list[i], nil
		}
		names = append(names, tags...)
	}
	switch {
	case name == "" && len(list) == 1:
		return &list[0], nil
	case name == "":
		return nil, fmt.Errorf("the archive has %d images: name one of them: %s", len(list), choices(names))
	}
	return nil, fmt.Errorf("no image %q: the archive has %s", name, choices(names))
}
