package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/spec"
)

// execProcess returns a function that makes exec's process: the process of --process, or the
// container's own with the arguments and flags of the command line.
func execProcess(c *cli.Context) func(own specs.Process) (*specs.Process, error) {
	if path := c.String("process"); path != "" {
		return func(specs.Process) (*specs.Process, error) { return readProcess(path) }
	}
	return func(p specs.Process) (*specs.Process, error) {
		// The new process does not share the terminal of the container's own process.
		p.Terminal, p.ConsoleSize = c.Bool("tty"), nil
		p.Args = c.Args().Tail()
		if len(p.Args) == 0 {
			return nil, errors.New("process args cannot be empty")
		}
		if cwd := c.String("cwd"); cwd != "" {
			p.Cwd = cwd
		}
		p.Env = slices.Concat(p.Env, c.StringSlice("env"))
		if profile := c.String("apparmor"); profile != "" {
			p.ApparmorProfile = profile
		}
		if label := c.String("process-label"); label != "" {
			p.SelinuxLabel = label
		}
		if c.IsSet("no-new-privs") {
			p.NoNewPrivileges = c.Bool("no-new-privs")
		}
		p.Capabilities = withCapabilities(p.Capabilities, c.StringSlice("cap"))
		if err := withUser(&p.User, c.String("user")); err != nil {
			return nil, err
		}
		return &p, withGroups(&p.User, c.StringSlice("additional-gids"))
	}
}

// readProcess reads a process.json, which holds the process object of a config.json.
func readProcess(path string) (*specs.Process, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--process: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, spec.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("--process: %w", err)
	}
	p, problems := spec.ParseProcess(data)
	if err := problems.Err(); err != nil {
		return nil, fmt.Errorf("--process %s: %w", path, err)
	}
	return p, nil
}

// withCapabilities adds capabilities to the process's own, as runc does. It adds ambient
// capabilities only if the process has inheritable ones, because they depend on these.
func withCapabilities(own *specs.LinuxCapabilities, add []string) *specs.LinuxCapabilities {
	if len(add) == 0 {
		return own
	}
	var c specs.LinuxCapabilities
	if own != nil {
		c = *own
	}
	c.Bounding = slices.Concat(c.Bounding, add)
	c.Effective = slices.Concat(c.Effective, add)
	c.Permitted = slices.Concat(c.Permitted, add)
	if c.Inheritable != nil {
		c.Ambient = slices.Concat(c.Ambient, add)
	}
	return &c
}

// withUser reads UID[:GID] into u.
func withUser(u *specs.User, text string) error {
	if text == "" {
		return nil
	}
	uid, gid, both := strings.Cut(text, ":")
	if err := parseID(&u.UID, uid); err != nil {
		return fmt.Errorf("parsing %q as int for uid failed: %w", uid, err)
	}
	if both {
		if err := parseID(&u.GID, gid); err != nil {
			return fmt.Errorf("parsing %q as int for gid failed: %w", gid, err)
		}
	}
	return nil
}

func withGroups(u *specs.User, list []string) error {
	u.AdditionalGids = slices.Clone(u.AdditionalGids)
	for _, text := range list {
		var gid uint32
		if err := parseID(&gid, text); err != nil {
			return fmt.Errorf("additional-gids: %w", err)
		}
		u.AdditionalGids = append(u.AdditionalGids, gid)
	}
	return nil
}

func parseID(id *uint32, text string) error {
	n, err := strconv.ParseUint(text, 10, 32)
	*id = uint32(n)
	return err
}

// subCgroup returns the path of --cgroup. It refuses controllers before a colon, which only cgroup
// v1 has.
func subCgroup(list []string) (string, error) {
	if len(list) == 0 {
		return "", nil
	}
	controllers, path, named := strings.Cut(list[0], ":")
	if !named {
		controllers, path = "", list[0]
	}
	if len(list) > 1 || controllers != "" {
		return "", fmt.Errorf("invalid --cgroup argument %q: on cgroup v2 it must be one path, without controllers", strings.Join(list, " "))
	}
	return path, nil
}
