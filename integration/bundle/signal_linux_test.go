//go:build testhost

package bundle

import (
	"archive/tar"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/berth-oci/berth/integration/suite"
)

// TestSignalLeavesNothing interrupts berth bundle in the middle of an archive that is still being
// written.
func TestSignalLeavesNothing(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cmd := exec.Command(*program, "bundle", "-q", "-", filepath.Join(dir, "bundle"))
			var message strings.Builder
			cmd.Stderr = &message
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			archive := tar.NewWriter(stdin)
			content := make([]byte, 1<<20)
			for _, name := range []string{"first", "second"} {
				if err := archive.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))}); err != nil {
					t.Fatal(err)
				}
				if _, err := archive.Write(content); err != nil {
					t.Fatal(err)
				}
			}
			suite.Eventually(t, "something of the archive is unpacked", func() bool {
				found, _ := filepath.Glob(dir + "/*/*/first")
				return len(found) == 1
			})
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			// The archive never ends. A berth that waited for its end would hang here.
			var failed *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &failed) || !strings.Contains(message.String(), "interrupted: berth has removed what it had made") {
				t.Errorf("it ended with %v: %s", err, &message)
			}
			if names, _ := os.ReadDir(dir); len(names) != 0 {
				t.Errorf("left: %v", names)
			}
		})
	}
}
