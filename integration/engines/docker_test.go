//go:build linux

package engines

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestDocker runs the Docker scenarios. Each runtime has its own Docker Engine, in which it is the
// default runtime, because builds use only the default one.
func TestDocker(t *testing.T) {
	if !wanted("docker") {
		return
	}
	for _, runtime := range runtimes {
		d := startDocker(t, runtime)
		s := &stage{
			dir: wrapper(t, "docker"), runtime: runtime,
			env: []string{"engine=docker", "program=/usr/bin/docker", "DOCKER_BUILDKIT=0"},
			// Under load Docker Engine loses output and events of short-lived containers, with
			// runc, too: they may end before it has opened their output.
			again: 2,
		}
		// Create what stays after the first container.
		s.clear(t, "docker load --quiet --input /usr/share/berth-test/busybox.tar; docker run --rm $i true; docker run --rm --network host $i true")
		column(t, "docker", runtime.name, func(t *testing.T) *stage { return s }, some(runtime, rows(dockerScenarios)),
			func() { s.clear(t, clearDocker) })
		d.stop(t)
	}
}

// clearDocker removes what the scenarios made. It also unmounts what Docker Engine itself leaves
// mounted with any runtime: the root of a container that it has read for an image or an archive.
const clearDocker = `
	docker ps --all --quiet | xargs --no-run-if-empty docker rm --force --volumes
	docker volume prune --all --force
	docker network prune --force
	awk '$5 ~ "^/tmp/docker[0-9]+/data/overlay2/.*/merged$" {print $5}' /proc/self/mountinfo | xargs --no-run-if-empty umount`

// execRoot is Docker Engine's default exec root without the symbolic link: the engine itself names
// it /var/run/docker.
const execRoot = "/run/docker"

// docker is a Docker Engine with its default settings, except for its runtimes, its data and its
// log.
type docker struct {
	log     string
	process *exec.Cmd
}

func startDocker(t *testing.T, runtime candidate) *docker {
	t.Helper()
	// In every test host /tmp can hold overlays.
	dir, err := os.MkdirTemp("", "docker")
	if err != nil {
		t.Fatal(err)
	}
	d := &docker{log: filepath.Join(dir, "log")}
	log, err := os.Create(d.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	arguments := []string{"--data-root", dir + "/data"}
	if runtime.name != "runc" { // dockerd defines this name itself
		arguments = append(arguments, "--add-runtime", runtime.name+"="+runtime.path)
	}
	d.process = exec.Command("dockerd", append(arguments, "--default-runtime", runtime.name)...)
	d.process.Stdout, d.process.Stderr = log, log
	d.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.stop(t)
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "Docker Engine answers", func() bool { return exec.Command("docker", "version").Run() == nil })
	return d
}

// stop ends the engine, and logs its output if a test failed.
func (d *docker) stop(t *testing.T) {
	if d.process.ProcessState != nil {
		return
	}
	if err := d.process.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	if err := d.process.Wait(); err != nil {
		t.Error("dockerd:", err)
	}
	// Docker Engine leaves the host's network namespace mounted.
	_ = syscall.Unmount(filepath.Join(execRoot, "netns/default"), syscall.MNT_DETACH)
	if err := os.RemoveAll(execRoot); err != nil {
		t.Error(err)
	}
	if t.Failed() {
		data, err := os.ReadFile(d.log)
		t.Logf("dockerd said (%v):\n%.20000s", err, data)
	}
}
