package bundle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/bundle/layer"
)

// Archived is a root file system in a tar archive together with its configuration.
type Archived struct {
	// File exists until the function passed to WithArchive returns.
	File string
	Spec *specs.Spec
	// Size is the total size of the files in the root file system, in bytes.
	Size int64
}

// WithArchive unpacks the root file system into a hidden directory below dir, packs it into a tar
// archive, and calls f with the archive. It removes the directory before it returns.
func WithArchive(ctx context.Context, dir string, o *GenerateOptions, f func(*Archived) error) (err error) {
	d, err := NewDraft(filepath.Join(dir, "ct"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Discard()) }()
	a := &Archived{File: filepath.Join(d.Dir, "rootfs.tar")}
	if a.Spec, a.Size, err = d.Fill(ctx, o); err != nil {
		return err
	}
	if err := pack(ctx, d.Rootfs(), a.File); err != nil {
		return err
	}
	// Remove the unpacked files now, so that they do not take up space twice.
	if err := os.RemoveAll(d.Rootfs()); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return f(a)
}

func pack(ctx context.Context, dir, file string) error {
	w, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err = errors.Join(layer.Pack(ctx, dir, w), w.Close()); err != nil {
		return fmt.Errorf("make the archive for the CT: %w", err)
	}
	return nil
}
