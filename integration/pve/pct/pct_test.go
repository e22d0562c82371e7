//go:build linux

package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-oci/berth/integration/pve/cluster"
	"github.com/berth-oci/berth/integration/pve/host"
)

// asPct makes the test binary behave as pct itself.
const asPct = "PCT_STANDIN_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(asPct) != "" {
		os.Exit(run(os.Args))
	}
	os.Exit(m.Run())
}

// node is a stand-in node below its own directory.
type node struct {
	*testing.T
	host *host.Host
}

func newNode(t *testing.T, settings host.Settings) *node {
	t.Helper()
	// The path must be short: abstract socket names below it must stay under 108 bytes.
	root, err := os.MkdirTemp("", "pve")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	settings.Node = "pve"
	n := &node{t, &host.Host{Root: root, Node: "pve", Settings: settings}}
	for _, dir := range []string{"etc", "run", "srv/ct/bin", "srv/other"} {
		if err := os.MkdirAll(n.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := cluster.Prepare(n.host); err != nil {
		t.Fatal(err)
	}
	if err := n.host.Save(settings); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("ct", n.path("srv/link")); err != nil {
		t.Fatal(err)
	}
	// An empty tar archive: two blocks of zeros, padded to GNU tar's size.
	n.write("empty.tar", string(make([]byte, 10240)))
	return n
}

func (n *node) path(p string) string { return filepath.Join(n.host.Root, p) }

func (n *node) write(p, text string) {
	n.Helper()
	if err := os.MkdirAll(filepath.Dir(n.path(p)), 0o755); err != nil {
		n.Fatal(err)
	}
	if err := os.WriteFile(n.path(p), []byte(text), 0o644); err != nil {
		n.Fatal(err)
	}
}

func (n *node) read(p string) string {
	n.Helper()
	raw, err := os.ReadFile(n.path(p))
	if err != nil {
		n.Fatal(err)
	}
	return string(raw)
}

func (n *node) exists(p string) bool {
	_, err := os.Lstat(n.path(p))
	return err == nil
}

// listen makes a CT look running. LXC's monitor is recognised by its command socket.
func (n *node) listen(id string) {
	n.Helper()
	socket, err := net.Listen("unix", "@"+n.path("var/lib/lxc/"+id+"/command"))
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() { _ = socket.Close() })
}

func (n *node) command(arguments ...string) *exec.Cmd {
	c := exec.Command("/proc/self/exe", arguments...)
	c.Args[0] = "pct"
	// No other variables: berth calls pct without an environment too.
	c.Env = []string{asPct + "=1", host.RootVariable + "=" + n.host.Root}
	return c
}

type outcome struct {
	stdout, stderr string
	status         int
}

func (n *node) pct(arguments ...string) outcome {
	n.Helper()
	c := n.command(arguments...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		n.Fatal(err)
	}
	return outcome{stdout.String(), stderr.String(), c.ProcessState.ExitCode()}
}

// must runs a command that must succeed without output on stderr.
func (n *node) must(arguments ...string) string {
	n.Helper()
	o := n.pct(arguments...)
	if o.status != 0 || o.stderr != "" {
		n.Fatalf("pct %q: status %d, stderr %q", arguments, o.status, o.stderr)
	}
	return o.stdout
}

// creation returns the arguments that create a CT from the directory /srv/ct.
func creation(id string, more ...string) []string {
	return append([]string{"create", id, "/empty.tar", "--rootfs", "/srv/ct", "--ostype", "unmanaged",
		"--unprivileged", "0", "--arch", "amd64"}, more...)
}

func (n *node) vmlistHas(id string) bool {
	return strings.Contains(n.read("etc/pve/.vmlist"), `"`+id+`": {`)
}
