//go:build linux

package command

import (
	"errors"
	"os"
	"os/exec"

	"github.com/berth-oci/berth/integration/pve/ctconf"
	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/image"
	"github.com/berth-oci/berth/integration/pve/volume"
)

// extract unpacks the template into the root's directory, and sets the system inside up.
func (c *call) extract(conf *ctconf.Config, root *os.File) error {
	template := c.values["ostemplate"]
	archive, err := volume.FindTemplate(c.host, template)
	if err != nil {
		// Said twice, as by PVE: once by the look whether it is an OCI image.
		c.warn("%s", err)
		return err
	}
	compression, err := image.Compression(template)
	if err != nil {
		return err
	}
	c.say("extracting archive '%s'", archive)
	// Through the descriptor: what the directory's path leads to may have changed since it was checked.
	const directory = "/proc/self/fd/3"
	words := []string{"xpf", archive}
	if compression != "" {
		words = append(words, compression)
	}
	words = append(words, "--totals", "--one-file-system", "-p", "--sparse", "--numeric-owner", "--acls", "--xattrs",
		"--xattrs-include=user.*", "--xattrs-include=security.capability", "-C", directory,
		"--skip-old-files", "--anchored", "--exclude", "./dev/*")
	tar := exec.CommandContext(c, "tar", words...)
	tar.ExtraFiles = []*os.File{root}
	// Not handed our own stdout: tar must not fail because the front and its pipe are gone.
	output, err := tar.CombinedOutput()
	_, _ = c.stdout.Write(output)
	if err != nil && !c.flag("ignore-unpack-errors") {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return failure.New("command 'tar xpf - --totals … -C /var/lib/lxc/%s/rootfs' failed: exit code %d",
				c.id, exit.ExitCode())
		}
		return failure.New("command 'tar' failed: failed to execute: %v", err)
	}
	real := "/proc/self/fd/" + itoa(int(root.Fd()))
	if err := image.Detect(real, &conf.Section, c.say); err != nil {
		return err
	}
	return image.Configure(real, &conf.Section, c.id)
}
