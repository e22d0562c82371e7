package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/berth-oci/berth/bundle/layer"
)

var amd64 = Platform{OS: "linux", Architecture: "amd64"}

// builder writes an image layout.
type builder struct {
	t     *testing.T
	dir   string
	index v1.Index
}

func newBuilder(t *testing.T) *builder {
	t.Helper()
	b := &builder{t: t, dir: t.TempDir(), index: v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}}}
	b.write(v1.ImageLayoutFile, []byte(`{"imageLayoutVersion":"1.0.0"}`))
	return b
}

func (b *builder) write(name string, data []byte) {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func (b *builder) blob(mediaType string, data []byte) v1.Descriptor {
	b.t.Helper()
	d := digest.FromBytes(data)
	b.write(blobName(Digest(d)), data)
	return v1.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(data))}
}

func (b *builder) document(mediaType string, v any) v1.Descriptor {
	b.t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.blob(mediaType, data)
}

// image writes an image whose layers are given stored and uncompressed. It returns the descriptor
// of its manifest.
func (b *builder) image(p Platform, stored, plain [][]byte) v1.Descriptor {
	b.t.Helper()
	c := v1.Image{Platform: v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}, Config: v1.ImageConfig{Cmd: []string{p.String()}}}
	m := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest}
	for i := range stored {
		m.Layers = append(m.Layers, b.blob(v1.MediaTypeImageLayerGzip, stored[i]))
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, digest.FromBytes(plain[i]))
	}
	m.Config = b.document(v1.MediaTypeImageConfig, c)
	d := b.document(v1.MediaTypeImageManifest, m)
	d.Platform = &v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}
	return d
}

// add adds an image to the index, with a name if name is not empty.
func (b *builder) add(d v1.Descriptor, name string) {
	b.t.Helper()
	if name != "" {
		d.Annotations = map[string]string{v1.AnnotationRefName: name}
	}
	b.index.Manifests = append(b.index.Manifests, d)
	data, err := json.Marshal(b.index)
	if err != nil {
		b.t.Fatal(err)
	}
	b.write(v1.ImageIndexFile, data)
}

func (b *builder) open(name string, p Platform) (*Image, error) {
	i, err := Open(context.Background(), Reference{Transport: OCI, Path: b.dir, Name: name}, p, layer.DefaultLimits)
	if err == nil {
		b.t.Cleanup(func() { i.Close() })
	}
	return i, err
}

func plainLayer() []byte {
	return bytes.Repeat([]byte("layer, not to be told from a tar archive here. "), 20000)
}

func gzipOf(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(data)
	w.Close()
	return b.Bytes()
}

func zstdOf(data []byte) []byte {
	w, _ := zstd.NewWriter(nil)
	return w.EncodeAll(data, nil)
}

func read(l *Layer) ([]byte, int64, error) {
	done := make(chan int, 10000)
	r, err := l.Open(func(n int) { done <- n })
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	var total int64
	for len(done) > 0 {
		total += int64(<-done)
	}
	return data, total, err
}

func TestLayersAreRead(t *testing.T) {
	t.Parallel()
	plain := plainLayer()
	for name, stored := range map[string][]byte{"plain": plain, "gzip": gzipOf(plain), "zstd": zstdOf(plain), "gzip in two members": append(gzipOf(plain[:1000]), gzipOf(plain[1000:])...)} {
		b := newBuilder(t)
		b.add(b.image(amd64, [][]byte{stored}, [][]byte{plain}), "")
		i, err := b.open("", amd64)
		if err != nil {
			t.Fatal(err)
		}
		data, total, err := read(&i.Layers[0])
		if err != nil || !bytes.Equal(data, plain) || total != int64(len(stored)) || i.Size() != total {
			t.Errorf("%s: %d bytes, %d read, error %v", name, len(data), total, err)
		}
	}
}

func TestDamagedLayersAreRefused(t *testing.T) {
	t.Parallel()
	plain := plainLayer()
	compressed := gzipOf(plain)
	damage := func(data []byte, at int) []byte {
		out := bytes.Clone(data)
		out[at] ^= 1
		return out
	}
	for name, c := range map[string]struct {
		stored, plain []byte // as the manifest and the configuration describe them
		found         []byte // the content of the blob, in place of stored
		words         string
	}{
		"wrong digest":                   {plain, plain, damage(plain, 5000), "wrong digest"},
		"wrong digest, compressed":       {zstdOf(plain), plain, damage(zstdOf(plain), 12), ""},
		"damaged stream":                 {compressed, plain, damage(compressed, len(compressed)/2), ""},
		"cut short":                      {plain, plain, plain[:1000], "bytes, but must have"},
		"cut short, compressed":          {compressed, plain, compressed[:len(compressed)/2], "bytes, but must have"},
		"too long":                       {plain, plain, append(bytes.Clone(plain), 0), "bytes, but must have"},
		"not what the configuration has": {compressed, plain[1:], compressed, "uncompressed layer has the wrong digest"},
		"plain, other configuration":     {plain, plain[1:], plain, "not compressed"},
		"xz":                             {append([]byte{0xfd, '7', 'z', 'X', 'Z', 0}, plain...), plain, append([]byte{0xfd, '7', 'z', 'X', 'Z', 0}, plain...), "bzip2 or xz"},
	} {
		b := newBuilder(t)
		b.add(b.image(amd64, [][]byte{c.stored}, [][]byte{c.plain}), "")
		b.write(blobName(Digest(digest.FromBytes(c.stored))), c.found)
		i, err := b.open("", amd64)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := read(&i.Layers[0]); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestImageIsFound(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)
	layers := [][]byte{plainLayer()}
	arm := Platform{OS: "linux", Architecture: "arm", Variant: "v7"}
	one, other := b.image(amd64, layers, layers), b.image(arm, layers, layers)
	list := b.document(v1.MediaTypeImageIndex, v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []v1.Descriptor{one, other}})
	b.add(list, "list")
	b.add(one, "example.org/one:v1")
	for _, c := range []struct {
		name string
		p    Platform
		want string // the command, or a part of the error
		ok   bool
	}{
		{"list", amd64, "linux/amd64", true},
		{"list", arm, "linux/arm/v7", true},
		{"list", Platform{OS: "linux", Architecture: "arm"}, "linux/arm/v7", true},
		{"list", Platform{OS: "freebsd", Architecture: "amd64"}, "the index has linux/amd64, linux/arm/v7", false},
		{"example.org/one:v1", amd64, "linux/amd64", true},
		{"example.org/one:v1", arm, "the image is for platform linux/amd64", false},
		{"@" + string(one.Digest), amd64, "linux/amd64", true},
		{"nothing", amd64, `no image "nothing": the layout has :list, :example.org/one:v1`, false},
		{"", amd64, "name one of", false},
	} {
		i, err := b.open(c.name, c.p)
		switch {
		case c.ok && (err != nil || i.Config.Config.Cmd[0] != c.want):
			t.Errorf("%s for %s: %v", c.name, c.p, err)
		case !c.ok && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s for %s: error %v", c.name, c.p, err)
		}
	}
}

// A descriptor in an index may omit the platform (image-index.md). The image's configuration has
// it.
func TestPlatformOfTheConfiguration(t *testing.T) {
	t.Parallel()
	layers := [][]byte{plainLayer()}
	arm := Platform{OS: "linux", Architecture: "arm", Variant: "v7"}
	silent := func(d v1.Descriptor) v1.Descriptor { d.Platform = nil; return d }
	for name, c := range map[string]struct {
		list func(b *builder) []v1.Descriptor
		p    Platform
		want string
		ok   bool
	}{
		"the only one":          {func(b *builder) []v1.Descriptor { return []v1.Descriptor{silent(b.image(amd64, layers, layers))} }, amd64, "linux/amd64", true},
		"the only one, another": {func(b *builder) []v1.Descriptor { return []v1.Descriptor{silent(b.image(arm, layers, layers))} }, amd64, "the index has linux/arm/v7", false},
		"one of two": {func(b *builder) []v1.Descriptor {
			return []v1.Descriptor{silent(b.image(arm, layers, layers)), silent(b.image(amd64, layers, layers))}
		}, amd64, "linux/amd64", true},
		"beside one that says it": {func(b *builder) []v1.Descriptor {
			return []v1.Descriptor{b.image(arm, layers, layers), silent(b.image(amd64, layers, layers))}
		}, amd64, "linux/amd64", true},
		"an attestation beside it": {func(b *builder) []v1.Descriptor {
			return []v1.Descriptor{b.document("application/x", 1), silent(b.image(amd64, layers, layers))}
		}, amd64, "linux/amd64", true},
		"nothing but attestations": {func(b *builder) []v1.Descriptor { return []v1.Descriptor{b.document("application/x", 1)} }, amd64, "application/x", false},
		"an index without platform": {func(b *builder) []v1.Descriptor {
			return []v1.Descriptor{b.document(v1.MediaTypeImageIndex, v1.Index{Manifests: []v1.Descriptor{silent(b.image(amd64, layers, layers))}})}
		}, amd64, "linux/amd64", true},
		"nothing": {func(*builder) []v1.Descriptor { return nil }, amd64, "the index has no image", false},
	} {
		b := newBuilder(t)
		b.add(b.document(v1.MediaTypeImageIndex, v1.Index{Manifests: c.list(b)}), "")
		i, err := b.open("", c.p)
		switch {
		case c.ok && (err != nil || i.Config.Config.Cmd[0] != c.want):
			t.Errorf("%s: %v", name, err)
		case !c.ok && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// The limits of the files also bound the uncompressed copy of an archive in TMPDIR.
func TestSpoolIsBounded(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	limits := layer.Limits{File: 1 << 20, Total: 1 << 20, Entries: 100}
	zeros := make([]byte, 8<<20)
	for name, data := range map[string][]byte{
		"gzip": gzipOf(zeros), "zstd": zstdOf(zeros), "two members": slices.Concat(gzipOf(zeros[:2<<20]), gzipOf(zeros[:2<<20])),
		"a byte too many": gzipOf(zeros[:limits.Stream()+1]),
	} {
		path := filepath.Join(t.TempDir(), "image")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if f, err := seekable(t.Context(), f, limits); !errors.Is(err, layer.ErrTooLarge) {
			info, _ := f.Stat()
			t.Errorf("%s: %v, %v bytes", name, err, info.Size())
		}
	}
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, gzipOf(zeros[:limits.Stream()]), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err = seekable(t.Context(), f, limits)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() != limits.Stream() {
		t.Errorf("%d bytes, %v", info.Size(), err)
	}
}

func TestHostileLayoutsAreRefused(t *testing.T) {
	t.Parallel()
	layers := [][]byte{plainLayer()}
	for name, c := range map[string]struct {
		change func(b *builder)
		words  string
	}{
		"no layout":        {func(b *builder) { os.Remove(filepath.Join(b.dir, v1.ImageLayoutFile)) }, "not an OCI image layout"},
		"unknown version":  {func(b *builder) { b.write(v1.ImageLayoutFile, []byte(`{"imageLayoutVersion":"9"}`)) }, "imageLayoutVersion"},
		"no JSON":          {func(b *builder) { b.write(v1.ImageIndexFile, []byte(`{`)) }, "index.json"},
		"manifest changed": {func(b *builder) { b.write(blobName(Digest(b.index.Manifests[0].Digest)), []byte(`{}`)) }, "does not have the digest"},
		"digest as a path": {func(b *builder) {
			b.index.Manifests = nil
			b.add(v1.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: "sha256:../../../etc/passwd"}, "")
		}, "digest"},
		"algorithm as a path": {func(b *builder) {
			b.index.Manifests = nil
			b.add(v1.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: "../../etc:passwd"}, "")
		}, "digest"},
		"link out of it": {func(b *builder) {
			path := filepath.Join(b.dir, blobName(Digest(b.index.Manifests[0].Digest)))
			os.Remove(path)
			os.Symlink("/etc/passwd", path)
		}, "escapes"},
		"too large": {func(b *builder) { b.write(v1.ImageIndexFile, bytes.Repeat([]byte(" "), maxDocument+1)) }, "at most"},
		"no image":  {func(b *builder) { b.index.Manifests = nil; b.add(b.document("text/plain", 1), "") }, "media type"},
		"artifact": {func(b *builder) {
			b.index.Manifests = nil
			b.add(b.document(v1.MediaTypeImageManifest, v1.Manifest{Config: b.document(v1.MediaTypeEmptyJSON, struct{}{})}), "")
		}, "not an image configuration"},
		"fewer digests than layers": {func(b *builder) {
			b.index.Manifests = nil
			c := b.document(v1.MediaTypeImageConfig, v1.Image{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}})
			b.add(b.document(v1.MediaTypeImageManifest, v1.Manifest{Config: c, Layers: []v1.Descriptor{b.blob(v1.MediaTypeImageLayer, layers[0])}}), "")
		}, "rootfs.diff_ids"},
		"encrypted layer": {func(b *builder) {
			b.index.Manifests = nil
			c := b.document(v1.MediaTypeImageConfig, v1.Image{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, RootFS: v1.RootFS{DiffIDs: []digest.Digest{digest.FromBytes(layers[0])}}})
			b.add(b.document(v1.MediaTypeImageManifest, v1.Manifest{Config: c, Layers: []v1.Descriptor{b.blob(v1.MediaTypeImageLayer+"+encrypted", layers[0])}}), "")
		}, "is not supported"},
		"index in itself": {func(b *builder) {
			d := b.index.Manifests[0]
			for range 6 {
				d = b.document(v1.MediaTypeImageIndex, v1.Index{Manifests: []v1.Descriptor{d}})
				d.Platform = &v1.Platform{OS: "linux", Architecture: "amd64"}
			}
			b.index.Manifests = nil
			b.add(d, "")
		}, "nested"},
	} {
		b := newBuilder(t)
		b.add(b.image(amd64, layers, layers), "")
		c.change(b)
		if _, err := b.open("", amd64); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// tarOf writes files into an archive. A name with -> makes a symbolic link.
func tarOf(t testing.TB, names []string, contents [][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i, name := range names {
		h := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(contents[i]))}
		if from, to, ok := strings.Cut(name, "->"); ok {
			h.Name, h.Linkname, h.Typeflag = from, to, tar.TypeSymlink
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(contents[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDockerArchive(t *testing.T) {
	t.Parallel()
	plain := plainLayer()
	config, _ := json.Marshal(v1.Image{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Config: v1.ImageConfig{Cmd: []string{"run"}},
		RootFS: v1.RootFS{DiffIDs: []digest.Digest{digest.FromBytes(plain), digest.FromBytes(plain)}}})
	name := digest.FromBytes(config).Encoded() + ".json"
	index, _ := json.Marshal([]dockerImage{{Config: name, RepoTags: []string{"example.org/x:v1"}, Layers: []string{"a/layer.tar", "b/layer.tar"}}})
	names := []string{"a/layer.tar", "b/layer.tar->../a/layer.tar", name, dockerIndex}
	whole := tarOf(t, names, [][]byte{plain, nil, config, index})
	other := tarOf(t, names, [][]byte{plain, nil, bytes.Replace(config, []byte("run"), []byte("bad"), 1), index})
	for title, c := range map[string]struct {
		data  []byte
		image string
		words string
	}{
		"plain": {whole, "", ""}, "gzip": {gzipOf(whole), "", ""}, "zstd": {zstdOf(whole), "", ""}, "by name": {whole, "example.org/x:v1", ""},
		"other name":            {whole, "y", "the archive has example.org/x:v1"},
		"configuration changed": {other, "", "does not have the digest"},
		"cut short":             {whole[:len(whole)/2], "", ""},
		"another archive":       {tarOf(t, []string{"f"}, [][]byte{plain}), "", "not an archive from docker save"},
		"no archive":            {bytes.Repeat([]byte("x"), 4096), "", "not a tar archive"},
	} {
		path := filepath.Join(t.TempDir(), "image")
		if err := os.WriteFile(path, c.data, 0o644); err != nil {
			t.Fatal(err)
		}
		i, err := Open(context.Background(), Reference{Transport: DockerArchive, Path: path, Name: c.image}, amd64, layer.DefaultLimits)
		fails := c.words != "" || title == "cut short"
		if fails != (err != nil) || err != nil && !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: error %v", title, err)
		}
		if err != nil {
			continue
		}
		for n := range i.Layers {
			if data, _, err := read(&i.Layers[n]); err != nil || !bytes.Equal(data, plain) {
				t.Errorf("%s: layer %d: %d bytes, error %v", title, n+1, len(data), err)
			}
		}
		i.Close()
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	sum := "sha256:" + strings.Repeat("0", 64)
	for text, want := range map[string]Reference{
		"oci:dir": {OCI, "dir", ""}, "oci:/a/b:v1": {OCI, "/a/b", "v1"}, "oci:d:host:5000/x:v1": {OCI, "d", "host:5000/x:v1"},
		"oci-archive:f.tar@" + sum: {OCIArchive, "f.tar", "@" + sum}, "docker-archive:f:x": {DockerArchive, "f", "x"},
	} {
		if got, ok, err := ParseReference(text); got != want || !ok || err != nil || got.String() != text {
			t.Errorf("%s: %+v, %v, %v", text, got, ok, err)
		}
	}
	for _, text := range []string{"dir", "/a:b", "http://x", "docker:x"} {
		if _, ok, err := ParseReference(text); ok || err != nil {
			t.Errorf("%s: %v, %v", text, ok, err)
		}
	}
	for _, text := range []string{"oci:", "oci:d:", "oci::x"} {
		if _, ok, err := ParseReference(text); !ok || err == nil {
			t.Errorf("%s: %v, %v", text, ok, err)
		}
	}
}
