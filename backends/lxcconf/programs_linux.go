package lxcconf

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/berth-oci/berth/backends"
)

// oldest is the first major version of LXC whose containers can join namespaces by path as berth
// needs.
const oldest = 5

// patience is how long lxc-start may take to tell its version, which takes it milliseconds.
var patience = 5 * time.Second

// Version returns lxc-start with its path and version. It fails if lxc-start is missing, does not
// run or hangs, or if LXC is older than oldest. The result has a path if there is a program.
func Version() (backends.Tool, error) {
	tool := backends.Tool{Name: "lxc-start"}
	path, err := Find(tool.Name)
	if err != nil {
		return tool, err
	}
	tool.Path = path
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Env = environment()
	cmd.WaitDelay = time.Second // a child of lxc-start may keep the pipe open
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return tool, fmt.Errorf("%s --version: no answer within %v", tool.Path, patience)
	}
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && len(exit.Stderr) > 0 {
			err = fmt.Errorf("%w: %.500s", err, strings.TrimSpace(string(exit.Stderr)))
		}
		return tool, fmt.Errorf("%s --version: %w", tool.Path, err)
	}
	tool.Version = strings.TrimSpace(string(out))
	major, _, _ := strings.Cut(tool.Version, ".")
	if n, err := strconv.Atoi(major); err == nil && n < oldest {
		return tool, fmt.Errorf("%s is of LXC %s, which is too old: install LXC %d or later", tool.Path, tool.Version, oldest)
	}
	return tool, nil
}

// Find returns the path of one of LXC's programs.
func Find(name string) (string, error) {
	return backends.FindTool(name, fmt.Sprintf(
		"install LXC %d or later (Debian's package lxc), or set lxc.path in berth's configuration", oldest))
}

// Command returns a call of one of LXC's programs. The program's environment is PATH alone, which
// may be empty.
func Command(name string, args ...string) (*exec.Cmd, error) {
	path, err := Find(name)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, args...)
	cmd.Env = environment()
	return cmd, nil
}

func environment() []string { return []string{"PATH=" + os.Getenv("PATH")} }
