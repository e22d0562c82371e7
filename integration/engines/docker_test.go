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

// TestDocker runs scenarios under a Docker Engine of its own for each runtime,
// which is the engine's default one there: only so do builds use it.
func TestDocker(t *testing.T) {
	if !wanted("docker") {
		return
	}
	for _, runtime := range runtimes {
		d := startDocker(t, runtime)
		s := &stage{
			dir: wrapper(t, "docker"), runtime: runtime,
			env: []string{"engine=docker", "program=/usr/bin/docker", "DOCKER_BUILDKIT=0"},
			// Under load Docker Engine loses output and events of containers that are
			// over soon, with runc, too: it may not have opened their output yet.
			again: 2,
		}
		// What is there from the first container on.
		s.clear(t, "docker load --quiet --input /usr/share/berth-test/busybox.tar; docker run --rm $i true; docker run --rm --network host $i true")
		column(t, "docker", runtime.name, func(t *testing.T) *stage { return s }, some(runtime, rows(dockerScenarios)),
			func() { s.clear(t, clearDocker) })
		d.stop(t)
	}
}

// clearDocker also ends the mounts that Docker Engine itself forgets, under any
// runtime: the root of a container that it has read for an image or an archive.
const clearDocker = `
	docker ps --all --quiet | xargs --no-run-if-empty docker rm --force --volumes
	docker volume prune --all --force
	docker network prune --force
	awk '$5 ~ "^/tmp/docker[0-9]+/data/overlay2/.*/merged$" {print $5}' /proc/self/mountinfo | xargs --no-run-if-empty umount`

// execRoot is Docker Engine's own, /var/run/docker: the engine hands out that path,
// which leads through a link.
const execRoot = "/run/docker"

// docker is a Docker Engine as it comes, but for its images and its log.
type docker struct {
	log     string
	process *exec.Cmd
}

func startDocker(t *testing.T, runtime candidate) *docker {
	t.Helper()
	// /tmp can hold overlays, in every test host.
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
	if runtime.name != "runc" { // Docker's own name for it
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

// stop ends the engine, and says what it said if a test failed.
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
	// The host's network, which Docker Engine leaves mounted.
	_ = syscall.Unmount(filepath.Join(execRoot, "netns/default"), syscall.MNT_DETACH)
	if err := os.RemoveAll(execRoot); err != nil {
		t.Error(err)
	}
	if t.Failed() {
		data, err := os.ReadFile(d.log)
		t.Logf("dockerd said (%v):\n%.20000s", err, data)
	}
}
