//go:build testhost

package bundle

import (
	"archive/tar"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

var (
	measure = flag.String("measure", "", "`directory` with room for 4 GiB, in which to measure an image of 1 GiB")
	forms   = flag.String("forms", "tarball,plain,gzip,zstd", "what is measured: its first layer as a tarball, and the image with its layers compressed so")
	rounds  = flag.Int("rounds", 3, "how often each program is measured, in turn")
)

// The measured image has layers with many small files and some large ones.
const (
	measuredLayers = 3
	smallFiles     = 7000
	smallSize      = 40 << 10
	largeFiles     = 4
	largeSize      = 20 << 20
)

// contender is a program with its arguments.
type contender struct {
	name  string
	words []string
}

// TestCost measures berth bundle, tar -x of the same layers and umoci unpack in turn. It does
// nothing without -measure. A tarball has no digest but an image's layers do, so for these tar is
// also measured with sha256sum beside it.
func TestCost(t *testing.T) {
	if *measure == "" {
		return
	}
	dir, err := os.MkdirTemp(*measure, "berth-measure-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	layers := writeLargeLayout(t, filepath.Join(dir, "plain"))
	t.Log("the image is written")
	const untar = `mkdir "$0"; for layer; do tar -C "$0" -xpf "$layer"; done`
	for form := range strings.SplitSeq(*forms, ",") {
		layout := filepath.Join(dir, form) + ":v1"
		group := []contender{
			{"berth bundle, " + form, []string{*program, "bundle", "-q", "oci:" + layout, "OUT"}},
			{"umoci unpack, " + form, []string{"umoci", "unpack", "--image", layout, "OUT"}},
		}
		switch form {
		case "tarball":
			tarball := filepath.Join(dir, "rootfs.tar")
			if err := os.Symlink(layers[0], tarball); err != nil {
				t.Fatal(err)
			}
			group = []contender{
				{"berth bundle, " + form, []string{*program, "bundle", "-q", tarball, "OUT"}},
				{"tar -x, " + form, []string{"sh", "-ec", untar, "OUT", tarball}},
			}
		case "plain":
			group = append(group, contender{"tar -x", append([]string{"sh", "-ec", untar, "OUT"}, layers...)},
				contender{"tar -x & sha256sum", append([]string{"sh", "-ec", `sha256sum "$@" & ` + untar + `; wait`, "OUT"}, layers...)})
		default:
			must(t, "skopeo", "copy", "-q", "--dest-compress", "--dest-compress-format", form, "oci:"+dir+"/plain:v1", "oci:"+layout)
		}
		times, memory := map[string][]time.Duration{}, map[string]int64{}
		for range *rounds {
			for _, c := range group {
				elapsed, cpu, peak := run(t, c.words, filepath.Join(dir, "out"))
				// On a busy machine the CPU time says more.
				t.Logf("%s: %.2f s, %.2f s of CPU, %d MiB", c.name, elapsed.Seconds(), cpu.Seconds(), peak>>20)
				times[c.name] = append(times[c.name], elapsed)
				memory[c.name] = max(memory[c.name], peak)
			}
		}
		for _, c := range group {
			slices.Sort(times[c.name])
			fmt.Printf("%-20s %6.2f s %5d MiB at most\n", c.name, times[c.name][len(times[c.name])/2].Seconds(), memory[c.name]>>20)
		}
		if peak := memory[group[0].name]; peak > 64<<20 {
			t.Errorf("%s takes %d MiB", group[0].name, peak>>20)
		}
	}
}

// run measures a program that writes into the directory out and removes the directory afterwards.
// OUT in words stands for it.
func run(t *testing.T, words []string, out string) (elapsed, cpu time.Duration, peak int64) {
	t.Helper()
	words = slices.Clone(words)
	for i, word := range words {
		if word == "OUT" {
			words[i] = out
		}
	}
	cmd := exec.Command(words[0], words[1:]...)
	begin := time.Now()
	if message, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", words, err, message)
	}
	elapsed = time.Since(begin)
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	must(t, "rm", "-rf", out)
	return elapsed, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), usage.Maxrss << 10
}

// writeLargeLayout writes the uncompressed image and returns the files of its layers.
func writeLargeLayout(t *testing.T, dir string) []string {
	t.Helper()
	blobs := filepath.Join(dir, "blobs/sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	put := func(mediaType string, v any) v1.Descriptor {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		d := digest.FromBytes(data)
		write(t, filepath.Join(blobs, d.Encoded()), data)
		return v1.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(data))}
	}
	config := v1.Image{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Config: v1.ImageConfig{Cmd: []string{"sh"}}}
	config.RootFS.Type = "layers"
	manifest := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest}
	var files []string
	for n := range measuredLayers {
		d, size := writeLargeLayer(t, blobs, n)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, d)
		manifest.Layers = append(manifest.Layers, v1.Descriptor{MediaType: v1.MediaTypeImageLayer, Digest: d, Size: size})
		files = append(files, filepath.Join(blobs, d.Encoded()))
	}
	manifest.Config = put(v1.MediaTypeImageConfig, config)
	d := put(v1.MediaTypeImageManifest, manifest)
	d.Annotations = map[string]string{v1.AnnotationRefName: "v1"}
	index, err := json.Marshal(v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []v1.Descriptor{d}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, v1.ImageIndexFile), index)
	write(t, filepath.Join(dir, v1.ImageLayoutFile), []byte(`{"imageLayoutVersion":"1.0.0"}`))
	return files
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func writeLargeLayer(t *testing.T, blobs string, number int) (digest.Digest, int64) {
	t.Helper()
	path := filepath.Join(blobs, "layer")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum := digest.SHA256.Digester()
	w := tar.NewWriter(io.MultiWriter(f, sum.Hash()))
	random := rand.NewChaCha8([32]byte{byte(number)})
	add := func(name string, size int) {
		// The content is hexadecimal digits, so compression has an effect.
		raw := make([]byte, size/2)
		random.Read(raw)
		h := &tar.Header{Name: name, Mode: 0o644, Size: int64(size), Typeflag: tar.TypeReg, ModTime: time.Unix(1700000000, 0)}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := hex.NewEncoder(w).Write(raw); err != nil {
			t.Fatal(err)
		}
	}
	for i := range smallFiles {
		if i%50 == 0 {
			h := &tar.Header{Name: fmt.Sprintf("usr/%d/%d/", number, i/50), Mode: 0o755, Typeflag: tar.TypeDir}
			if err := w.WriteHeader(h); err != nil {
				t.Fatal(err)
			}
		}
		add(fmt.Sprintf("usr/%d/%d/file%d", number, i/50, i), smallSize)
	}
	for i := range largeFiles {
		add(fmt.Sprintf("usr/%d/large%d", number, i), largeSize)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, filepath.Join(blobs, sum.Digest().Encoded())); err != nil {
		t.Fatal(err)
	}
	return sum.Digest(), info.Size()
}
