//go:build linux

package engines

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// candidate is a runtime with which the suites run.
type candidate struct {
	// path is what engines get: podman takes a path, or a name from its configuration. name is the
	// runtime's name in the table of results.
	path, name string
	// managers are the cgroup managers with which podman uses it.
	managers []string
	// every is n if only each nth test runs with it, else 1.
	every int
}

// some returns the tests of a suite that run with a runtime.
func some[E any](c candidate, tests []test[E]) []test[E] {
	var list []test[E]
	for i, x := range tests {
		if i%c.every == 0 {
			list = append(list, x)
		}
	}
	return list
}

// runtimes are the runtimes of -runtimes, mixed those of -mixed.
var runtimes, mixed []candidate

// readRuntime parses one word of -runtimes or -mixed.
func readRuntime(word string) (candidate, error) {
	word, every, sparse := strings.Cut(word, "%")
	name, manager, one := strings.Cut(word, "@")
	path, err := exec.LookPath(name)
	if err != nil {
		return candidate{}, err
	}
	c := candidate{path: path, name: filepath.Base(path), managers: words(*managersFlag), every: 1}
	if one {
		c.managers = []string{manager}
	}
	if sparse {
		if c.every, err = strconv.Atoi(every); err != nil || c.every < 1 {
			return candidate{}, fmt.Errorf("%s: each nth test is wanted of n, a number from 1 on, not %q", name, every)
		}
	}
	return c, nil
}

// readRuntimes parses -runtimes and -mixed, and checks that -same names only runtimes of -runtimes.
func readRuntimes() error {
	for list, flag := range map[*[]candidate]string{&runtimes: *runtimesFlag, &mixed: *mixedFlag} {
		for _, word := range words(flag) {
			c, err := readRuntime(word)
			if err != nil {
				return err
			}
			*list = append(*list, c)
		}
	}
	for _, p := range pairs() {
		for _, name := range p {
			if !slices.ContainsFunc(runtimes, func(c candidate) bool { return c.name == name }) {
				return fmt.Errorf("-same: %q is none of the runtimes", name)
			}
		}
	}
	return nil
}

// pairs returns the pairs of -same.
func pairs() [][2]string {
	var list [][2]string
	for _, word := range words(*sameFlag) {
		a, b, _ := strings.Cut(word, "=")
		list = append(list, [2]string{a, b})
	}
	return list
}

// introduce tells podman that the runtimes log in JSON, which podman only knows by a runtime's name
// (containers.conf(5), runtime_supports_json).
func introduce() error {
	const dir = "/etc/containers/containers.conf.d"
	var names []string
	for _, r := range slices.Concat(runtimes, mixed) {
		names = append(names, strconv.Quote(r.name))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text := fmt.Sprintf("[engine]\nruntime_supports_json = [%s, {append=true}]\n", strings.Join(names, ", "))
	return os.WriteFile(dir+"/engines-test.conf", []byte(text), 0o644)
}
