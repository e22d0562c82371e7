package process

import (
	"fmt"
	"os"
	"os/exec"
)

// LookPath finds the program as the user would, in the PATH of the environment that it will have.
func LookPath(name string, env []string) (string, error) {
	path, _ := lookupEnv(env, "PATH")
	if err := os.Setenv("PATH", path); err != nil {
		return "", fmt.Errorf("set PATH: %w", err)
	}
	return exec.LookPath(name)
}
