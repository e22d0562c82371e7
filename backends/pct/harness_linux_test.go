package pct

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/berth-oci/berth/integration/executable"
)

// listen makes a Unix socket.
func listen(t *testing.T, path string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
}

// runHook runs the value of a hook as LXC does: a child of the monitor, whose own output is lost. It
// returns what is then in the file that is the monitor's stderr.
func runHook(t *testing.T, value string) (string, error) {
	t.Helper()
	stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	// The first shell stands in for the monitor.
	cmd := exec.Command("/bin/sh", "-c", "(exec "+value+" c lxc pre-start >/dev/null 2>&1) & wait $!; exit $?")
	cmd.Stderr = stderr
	err = cmd.Run()
	data, readErr := os.ReadFile(stderr.Name())
	if readErr != nil {
		t.Fatal(readErr)
	}
	return string(data), err
}

// fakeLXC puts a directory with programs of LXC and Proxmox VE that print a version on PATH, before
// the others, and returns it.
func fakeLXC(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, version := range map[string]string{"lxc-start": "5.0.2", "pveversion": "pve-manager/9.1.1/42db4a6cf33dac83 (running kernel: 6.17.2-1-pve)"} {
		if err := executable.Write(filepath.Join(dir, name), []byte("#!/bin/sh\necho '"+version+"'\n")); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return dir
}
