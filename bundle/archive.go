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

// Archived is a root file system in a tar archive, and the configuration for it.
type Archived struct {
	// File is there until f of WithArchive returns.
	File string
	Spec *specs.Spec
	// Size is that of all files, in bytes.
	Size int64
}

// WithArchive makes the root file system in a hidden directory below dir, packs
// it, and calls f with the archive. Nothing is left after it.
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
	// It would take its place twice.
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
		return fmt.Errorf("archive for the CT: %w", err)
	}
	return nil
}
