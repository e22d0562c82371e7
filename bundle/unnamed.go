package bundle

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/berth-oci/berth/bundle/image"
)

// notImage fails if a source that is named as a root file system is an image. The error says how to
// name it. source is the text that the user gave, and dir is the directory to look at: the source
// itself or its unpacked archive.
func notImage(source, dir string) error {
	is := func(name string, kind os.FileMode) bool {
		info, err := os.Lstat(filepath.Join(dir, name))
		return err == nil && info.Mode().Type() == kind
	}
	transport := ""
	switch {
	case is("oci-layout", 0) && is("index.json", 0):
		transport = image.OCIArchive
		if source == dir {
			transport = image.OCI
		}
	case is("manifest.json", 0) && !is("etc", os.ModeDir) && !is("bin", os.ModeDir) && !is("usr", os.ModeDir):
		transport = image.DockerArchive
	default:
		return nil
	}
	if source == dir && transport == image.DockerArchive {
		return fmt.Errorf("%s is what docker save writes, unpacked, and no root file system: give its archive as %s:FILE", source, transport)
	}
	if source == os.Stdin.Name() {
		source = "FILE, with the archive in a file"
	}
	return fmt.Errorf("this is an image and no root file system: write %s:%s", transport, source)
}
