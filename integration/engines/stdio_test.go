//go:build linux

package engines

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

var stdioTests = []test[*podman]{
	{"stdin is passed on", func(t *testing.T, p *podman) {
		r := p.input(strings.NewReader("one\ntwo\n"), "run", "--rm", "--name", p.name(), "-i", image, "sh", "-c", "read a; read b; echo $b $a; read c || echo end")
		if r.stdout != "two one\nend\n" {
			t.Errorf("stdout: %q; stderr: %s", r.stdout, r.stderr)
		}
	}},
	{"no stdin without -i", func(t *testing.T, p *podman) {
		r := p.input(strings.NewReader("one\n"), "run", "--rm", "--name", p.name(), image, "cat")
		if r.stdout != "" || r.status != 0 {
			t.Errorf("stdout: %q, exit status %d; stderr: %s", r.stdout, r.status, r.stderr)
		}
	}},
	{"stdout and stderr are apart", func(t *testing.T, p *podman) {
		r := p.run("run", "--rm", "--name", p.name(), image, "sh", "-c", "echo out; echo err >&2; echo out2")
		if r.stdout != "out\nout2\n" || r.stderr != "err\n" {
			t.Errorf("stdout: %q, stderr: %q", r.stdout, r.stderr)
		}
	}},
	{"100 MB in and out", func(t *testing.T, p *podman) {
		in, out := sha256.New(), sha256.New()
		c := p.command("run", "--rm", "--name", p.name(), "-i", "--log-driver", "none", image, "cat")
		c.stdin, c.stdout = noise(in), out
		if r := c.run(t); r.status != 0 || sum(in) != sum(out) {
			t.Errorf("exit status %d, in %s, out %s; stderr: %s", r.status, sum(in), sum(out), r.stderr)
		}
	}},
	{"100 MB in", func(t *testing.T, p *podman) {
		in := sha256.New()
		r := p.input(noise(in), "run", "--rm", "--name", p.name(), "-i", image, "sha256sum")
		if got := strings.Fields(r.stdout); len(got) == 0 || got[0] != sum(in) {
			t.Errorf("exit status %d, in %s, the container read %s; stderr: %s", r.status, sum(in), r.stdout, r.stderr)
		}
	}},
	{"preserve-fds", func(t *testing.T, p *podman) {
		file := t.TempDir() + "/f"
		if err := os.WriteFile(file, []byte("through descriptor 3"), 0o644); err != nil {
			t.Fatal(err)
		}
		c := p.command("run", "--rm", "--name", p.name(), "--preserve-fds", "1", image, "sh", "-c", "cat <&3; ls /proc/self/fd | wc -l")
		c.argv = append([]string{"sh", "-c", `exec "$@" 3<` + file, "sh"}, c.argv...)
		if got := c.must(t); got != "through descriptor 35" {
			t.Errorf("%q", got)
		}
	}},
}

const plenty = 100 << 20

// noise returns a reader of 100 MB of random bytes, which it also writes to h.
func noise(h hash.Hash) io.Reader {
	return io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte([]byte(fmt.Sprintf("%32s", "berth")))), plenty), h)
}

func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
