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

// usernsCommand returns the command prefix that enters an unprivileged container's user namespace.
// It returns nil if the root is a directory of the host, as in berth's use of pct, because those
// files keep their owners.
func (c *call) usernsCommand(conf *ctconf.Config) []string {
	if root, err := conf.Mounts(); err != nil || !conf.True("unprivileged") || len(root) == 0 || root[0].Kind() == ctconf.Bind {
		return nil
	}
	return []string{"lxc-usernsexec", "-m", "u:0:100000:65536", "-m", "g:0:100000:65536", "--"}
}

// extract unpacks the template into the root's directory and configures the system inside.
func (c *call) extract(conf *ctconf.Config, root *os.File) error {
	template := c.values["ostemplate"]
	archive, err := volume.FindTemplate(c.host, template)
	if err != nil {
		// PVE prints this twice: the first time when it checks for an OCI image.
		c.warn("%s", err)
		return err
	}
	compression, err := image.Compression(template)
	if err != nil {
		return err
	}
	c.say("extracting archive '%s'", archive)
	// Use the descriptor: the directory's path may lead elsewhere since it was checked.
	const directory = "/proc/self/fd/3"
	words := []string{"tar", "xpf", "-"}
	if compression != "" {
		words = append(words, compression)
	}
	words = append(words, "--totals", "--one-file-system", "-p", "--sparse", "--numeric-owner", "--acls", "--xattrs",
		"--xattrs-include=user.*", "--xattrs-include=security.capability", "-C", directory,
		"--skip-old-files", "--anchored", "--exclude", "./dev/*")
	words = append(c.usernsCommand(conf), words...)
	tar := exec.CommandContext(c, words[0], words[1:]...)
	// pct opens the archive itself, as in PVE, because the container's root may not be able to.
	input, err := os.Open(archive)
	if err != nil {
		return failure.New("failed to open '%s': %v", archive, err)
	}
	defer input.Close()
	tar.Stdin = input
	tar.ExtraFiles = []*os.File{root}
	// Do not pass on stdout: tar must not fail because the front and its pipe are gone.
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
	if c.restores {
		return c.mergeBackup(conf, root)
	}
	real := "/proc/self/fd/" + itoa(int(root.Fd()))
	if err := image.Detect(real, &conf.Section, c.say); err != nil {
		return err
	}
	return image.Configure(real, &conf.Section, c.id)
}
