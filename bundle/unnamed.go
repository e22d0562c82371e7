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
		return fmt.Errorf("%s is an unpacked archive from docker save, not a root file system: give the archive as %s:FILE", source, transport)
	}
	if source == os.Stdin.Name() {
		source = "FILE (store the archive in a file)"
	}
	return fmt.Errorf("the source is an image, not a root file system: give it as %s:%s", transport, source)
}
