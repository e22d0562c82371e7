//go:build linux

package engines

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-oci/berth/integration/suite"
)

var (
	runtimesFlag = flag.String("runtimes", "crun", "comma-separated `runtimes`, by name or path; with @MANAGER behind it, podman uses it with this cgroup manager alone; with %N at the end, each Nth test is run with it")
	peersFlag    = flag.String("peers", "", "comma-separated `runtimes` that need not pass every test, which is theirs to know")
	sameFlag     = flag.String("same", "", "comma-separated `pairs` A=B of runtimes whose results must not differ in any test")
	managersFlag = flag.String("managers", "systemd,cgroupfs", "comma-separated cgroup `managers` for podman")
	mixedFlag    = flag.String("mixed", "", "comma-separated `runtimes` of which each two are mixed in a pod")
	suitesFlag   = flag.String("suites", "podman", "comma-separated `suites`: podman, scenarios, docker, cri, containerd; limits, containerd-limits, cri-limits, which need cgroup v2 controllers")
	patience     = flag.Duration("patience", 2*time.Minute, "how long one command of an engine's may take")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := ready(); err != nil {
		fmt.Fprintln(os.Stderr, "engines: this is no test host for the engine suites:", err)
		os.Exit(2)
	}
	status := m.Run()
	results.print(os.Stdout)
	if status == 1 && results.excused(words(*peersFlag), pairs()) {
		fmt.Println("only peers have failed, and what is in front of them in the same way")
		status = 0
	}
	for _, difference := range results.differences(pairs()) {
		fmt.Println("not the same:", difference)
		status = 1
	}
	os.Exit(status)
}

// words splits the value of a flag at its commas.
func words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}

func wanted(suite string) bool { return slices.Contains(words(*suitesFlag), suite) }

// ready checks that the host has what the chosen suites need, and prepares the host so that
// leftovers can be found by comparison.
func ready() error {
	for _, s := range words(*suitesFlag) {
		if !slices.Contains([]string{"podman", "scenarios", "docker", "limits", "containerd", "containerd-limits", "cri", "cri-limits"}, s) {
			return fmt.Errorf("there is no suite %q", s)
		}
	}
	programs := []string{"podman", "conmon", "lxc-start", "lxc-ls", "systemctl"}
	if wanted("scenarios") {
		programs = append(programs, "bash", "buildah", "expect", "jq", "socat")
	}
	if wanted("docker") {
		programs = append(programs, "bash", "docker", "dockerd", "expect", "socat")
	}
	if wanted("containerd") || wanted("containerd-limits") {
		programs = append(programs, "ctr", "containerd-shim-runc-v2")
	}
	if wanted("cri") || wanted("cri-limits") {
		programs = append(programs, "crictl", "ctr", "containerd-shim-runc-v2", "iptables", "pct")
	}
	if err := suite.Need(programs...); err != nil {
		return err
	}
	if err := readRuntimes(); err != nil {
		return err
	}
	if err := introduce(); err != nil {
		return err
	}
	if wanted("limits") || wanted("containerd-limits") || wanted("cri-limits") {
		if err := controllers(); err != nil {
			return err
		}
	}
	if wanted("podman") || wanted("scenarios") {
		if err := allowAutoUserns(); err != nil {
			return err
		}
	}
	return warmUp()
}

// controllers fails if the host lacks a cgroup v2 controller that the tests of limits need.
func controllers() error {
	data, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	if err != nil {
		return err
	}
	for _, c := range []string{"cpu", "memory", "pids"} {
		if !slices.Contains(strings.Fields(string(data)), c) {
			return fmt.Errorf("the cgroup controller %s is missing, which the suites of limits need", c)
		}
	}
	return nil
}

// allowAutoUserns gives podman the ids that --userns=auto uses (containers-storage.conf(5),
// root-auto-userns-user).
func allowAutoUserns() error {
	for _, file := range []string{"/etc/subuid", "/etc/subgid"} {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if strings.Contains("\n"+string(data), "\ncontainers:") {
			continue
		}
		if err := os.WriteFile(file, append(data, "containers:1000000:1000000\n"...), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// warmUp lets the engines create what they keep after their first container: storage, slices, a
// mount for network namespaces, directories in /run.
func warmUp() error {
	commands := [][]string{}
	if wanted("podman") || wanted("scenarios") || wanted("limits") {
		for _, m := range words(*managersFlag) {
			commands = append(commands,
				[]string{"podman", "--cgroup-manager", m, "--runtime", "crun", "run", "--rm", image, "true"},
				[]string{"podman", "--cgroup-manager", m, "--runtime", "crun", "pod", "create", "--name", "warm"},
				[]string{"podman", "--cgroup-manager", m, "pod", "rm", "-f", "warm"})
		}
		commands = append(commands, []string{"podman", "run", "--rm", "--uidmap", "0:100000:65536", image, "true"})
		for _, r := range slices.Concat(runtimes, mixed) {
			commands = append(commands, []string{"podman", "--runtime", r.path, "run", "--rm", image, "true"})
		}
	}
	if wanted("containerd") || wanted("containerd-limits") {
		commands = append(commands, []string{"ctr", "-n", namespace, "images", "import", "/usr/share/berth-test/busybox.tar"})
		for _, r := range slices.Concat(runtimes, mixed) {
			commands = append(commands, slices.Concat([]string{"ctr", "-n", namespace}, ctrRun(r.path), []string{"--rm", ctrImage, "warm", "true"}))
		}
	}
	for _, c := range commands {
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(c, " "), err, out)
		}
	}
	if wanted("cri") || wanted("cri-limits") {
		return criNode.setUp()
	}
	return nil
}
