// Package image reads images from disk: OCI image layouts, as directories or archives, and the
// archives that docker save writes. It checks all content against the digests that name it.
package image

import (
	"fmt"
	"strings"
)

// Reference is the location of an image, as in containers-transports(5).
type Reference struct {
	// Transport is OCI, OCIArchive or DockerArchive.
	Transport string
	// Path is the path of the directory or archive.
	Path string
	// Name selects an image: a tag or name, or @DIGEST. It is empty if there is only one image.
	Name string
}

// The transports.
const (
	OCI           = "oci"
	OCIArchive    = "oci-archive"
	DockerArchive = "docker-archive"
)

// ParseReference parses TRANSPORT:PATH[:NAME] or TRANSPORT:PATH@DIGEST. ok is false if the text
// does not begin with a transport.
func ParseReference(text string) (r Reference, ok bool, err error) {
	transport, rest, found := strings.Cut(text, ":")
	if !found || transport != OCI && transport != OCIArchive && transport != DockerArchive {
		return Reference{}, false, nil
	}
	r = Reference{Transport: transport, Path: rest}
	if path, digest, ok := strings.Cut(rest, "@sha"); ok {
		r.Path, r.Name = path, "@sha"+digest
	} else if path, name, ok := strings.Cut(rest, ":"); ok {
		r.Path, r.Name = path, name
		if name == "" {
			return r, true, fmt.Errorf("%s: the name after the last colon is empty", text)
		}
	}
	if r.Path == "" {
		return r, true, fmt.Errorf("%s: no path after %q", text, transport+":")
	}
	return r, true, nil
}

func (r Reference) String() string {
	switch {
	case r.Name == "":
		return r.Transport + ":" + r.Path
	case r.Name[0] == '@':
		return r.Transport + ":" + r.Path + r.Name
	}
	return r.Transport + ":" + r.Path + ":" + r.Name
}
