package bundle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/bundle/image"
	"github.com/berth-oci/berth/bundle/layer"
	"github.com/berth-oci/berth/spec"
)

// GenerateOptions holds the source of a bundle and the settings for it.
type GenerateOptions struct {
	// Source is a text for OpenSource.
	Source string
	// Image is the platform of the image to choose if the source has several.
	Image  image.Platform
	Layers layer.Options
	Choices
	Progress Progress
	// Warn reports what the bundle does not carry over from the image.
	Warn func(format string, args ...any)
}

// Generate makes a bundle in the directory dir, which must not exist or must be empty. It writes
// the bundle beside dir and renames it when it is complete. After an error nothing is left.
func Generate(ctx context.Context, dir string, o *GenerateOptions) error {
	d, err := NewDraft(dir)
	if err != nil {
		return err
	}
	if o.Hostname == "" {
		o.Hostname = hostnameFor(d.final)
	}
	s, _, err := d.Fill(ctx, o)
	if err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = d.Commit(s)
	}
	if err != nil {
		return errors.Join(err, d.Discard())
	}
	return nil
}

// Fill unpacks the source into the draft and makes its configuration. It also returns the total
// size of the files, in bytes.
func (d *Draft) Fill(ctx context.Context, o *GenerateOptions) (*specs.Spec, int64, error) {
	source, err := OpenSource(ctx, o.Source, o.Image, o.Layers.Limits)
	if err != nil {
		return nil, 0, err
	}
	defer source.Close()
	size, err := source.Unpack(ctx, d.Rootfs(), o.Layers, o.Progress)
	if err != nil {
		return nil, 0, err
	}
	s, err := o.configure(source, d.Rootfs())
	if err == nil && o.PlainVolumes && source.Image != nil {
		err = makeVolumes(d.Rootfs(), source.Image.Config.Config.Volumes)
	}
	return s, size, err
}

func (o *GenerateOptions) configure(source *Source, rootfs string) (*specs.Spec, error) {
	s, refused, err := Convert(source.config(), rootfs, &o.Choices)
	if err != nil {
		return nil, err
	}
	if len(refused) > 0 {
		o.Warn("labels %q of the image are not made annotations, because runtimes or berth's configuration act on annotations of these names", refused)
	}
	data, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	// The configuration of an image is as untrusted as its layers.
	if _, problems := spec.Validate(data, o.Platform); problems.Err() != nil {
		return nil, fmt.Errorf("the image's configuration does not give a valid config.json: %w", problems.Err())
	}
	return s, nil
}

// hostnameFor returns the bundle's name if it is a valid host name, otherwise "berth".
func hostnameFor(dir string) string {
	if name := strings.ToLower(filepath.Base(dir)); hostLabel(name) {
		return name
	}
	return "berth"
}

// hostLabel reports whether a name is a host name without a domain (RFC 1123).
func hostLabel(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-"
	return name != "" && len(name) <= 63 && strings.Trim(name, letters) == "" && strings.Trim(name, "-") == name
}
