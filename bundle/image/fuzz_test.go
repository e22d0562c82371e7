package image

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/berth-oci/berth/bundle/layer"
)

// inMemory is a store that maps the names of files to their contents.
type inMemory map[string]string

func (m inMemory) Open(name string) (io.ReadCloser, int64, error) {
	text, ok := m[name]
	if !ok {
		return nil, 0, fmt.Errorf("%s: %w", name, os.ErrNotExist)
	}
	return io.NopCloser(strings.NewReader(text)), int64(len(text)), nil
}

func (inMemory) Close() error { return nil }

func (m inMemory) blob(text string) string {
	d := digest.FromString(text).String()
	m[blobName(Digest(d))] = text
	return d
}

// FuzzIndex reads anything as an image layout's index, manifest and configuration. The result is an
// error, or an image with as many layers as digests in which every layer has valid digests.
func FuzzIndex(f *testing.F) {
	const zeros = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
	manifest := `{"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"CONFIG"},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"` + zeros + `","size":7}]}`
	config := `{"os":"linux","architecture":"amd64","config":{"Cmd":["sh"],"User":"0:4294967296","Labels":{"a":"b"}},"rootfs":{"diff_ids":["` + zeros + `"]}}`
	for _, index := range []string{
		`{"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"MANIFEST"}]}`,
		`{"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"INDEX"}]}`,
		`{"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"MANIFEST","platform":{"os":"linux","architecture":"amd64"},"annotations":{"org.opencontainers.image.ref.name":"x"}},{}]}`,
		`{"manifests":null}`, `{}`, `[]`, `{"manifests":[{"digest":"sha256:../../x"}]}`,
	} {
		f.Add(index, index, manifest, config, "")
	}
	f.Add(`{"manifests":[{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","digest":"MANIFEST"}]}`, "", manifest, config, "x")
	f.Fuzz(func(t *testing.T, index, nested, manifest, config, name string) {
		s := inMemory{layoutFile: `{"imageLayoutVersion":"1.0.0"}`}
		manifest = strings.ReplaceAll(manifest, "CONFIG", s.blob(config))
		nested = strings.ReplaceAll(nested, "MANIFEST", s.blob(manifest))
		index = strings.ReplaceAll(strings.ReplaceAll(index, "INDEX", s.blob(nested)), "MANIFEST", s.blob(manifest))
		s[indexFile], s[dockerIndex] = index, index
		for _, open := range []func() (*Image, error){
			func() (*Image, error) { return openLayout(s, name, amd64) },
			func() (*Image, error) { return openDocker(s, name) },
		} {
			i, err := open()
			if err != nil {
				continue
			}
			if len(i.Layers) != len(i.Config.RootFS.DiffIDs) {
				t.Fatalf("%d layers, %d digests", len(i.Layers), len(i.Config.RootFS.DiffIDs))
			}
			for _, l := range i.Layers {
				if l.DiffID.check() != nil || l.Digest != "" && l.Digest.check() != nil {
					t.Fatalf("layer %+v", l)
				}
			}
			if _, err := json.Marshal(i.Config); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzArchive reads anything as an archive from docker save or of a layout, compressed or not.
func FuzzArchive(f *testing.F) {
	whole := tarOf(f, []string{"oci-layout", "index.json", dockerIndex, "a->b", "b->a"}, [][]byte{[]byte(`{"imageLayoutVersion":"1.0.0"}`), []byte(`{"manifests":[]}`), []byte(`[{"Config":"a","Layers":["b"]}]`), nil, nil})
	for _, data := range [][]byte{whole, gzipOf(whole), zstdOf(whole), append(gzipOf(whole[:700]), gzipOf(whole[700:])...), whole[:600], {}} {
		f.Add(data)
	}
	limits := layer.Limits{File: 1 << 20, Total: 1 << 20, Entries: 100}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "image")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, transport := range []string{OCIArchive, DockerArchive} {
			i, err := Open(t.Context(), Reference{Transport: transport, Path: path}, amd64, limits)
			if err != nil {
				continue
			}
			for n := range i.Layers {
				if r, err := i.Layers[n].Open(func(int) {}); err == nil {
					_, _ = io.Copy(io.Discard, io.LimitReader(r, 1<<22))
					r.Close()
				}
			}
			i.Close()
		}
	})
}
