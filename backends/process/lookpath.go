package process

import (
	"fmt"
	"os"
	"os/exec"
)

// LookPath finds the program in the PATH of env, the program's environment. The caller must already
// run as the user. LookPath sets the PATH of the calling process.
func LookPath(name string, env []string) (string, error) {
	path, _ := lookupEnv(env, "PATH")
	if err := os.Setenv("PATH", path); err != nil {
		return "", fmt.Errorf("set PATH: %w", err)
	}
	return exec.LookPath(name)
}
