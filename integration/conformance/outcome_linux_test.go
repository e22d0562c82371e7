//go:build linux && integration

package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/integration/suite"
)

// outcome is the result of one trial with one runtime.
type outcome struct {
	// facts is what the probe found. Its key "outcome" says "refused", "hangs", or how the
	// container ended.
	facts map[string]string
	// config is the config.json, with the trial's directories and id replaced.
	config []byte
	stderr string
}

func (o outcome) refused() bool { return o.facts["outcome"] == "refused" }

// run makes the container of a trial with a runtime, and removes it again.
func (c trial) run(t *testing.T, number int, runtime string) outcome {
	id := fmt.Sprintf("trial%d-%d-%s", os.Getpid(), number, runtime)
	dir := filepath.Join(suite.Dir(), id)
	host := filepath.Join(suite.Dir(), "host-"+id)
	if err := newRoot(filepath.Join(dir, "rootfs")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(host, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	defer os.RemoveAll(host)
	conf := newConfig(t, dir, host, id)
	c.edit(conf)
	data := conf.encode()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(suite.Dir(), "state-"+runtime)
	// A container's life under pct takes ten seconds on User-mode Linux if four share its
	// processor.
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, runtime, "--root", state, "run", "--bundle", dir, id)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// Not /dev/null: crun gives the host's /dev/null to the container's user.
	cmd.Stdin = bytes.NewReader(nil)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	_ = cmd.Run()
	if stdout.Len() == 0 || ctx.Err() != nil {
		_ = exec.Command(runtime, "--root", state, "delete", "--force", id).Run()
	}
	for _, target := range slices.Backward(suite.MountsBelow(t, os.Getpid(), dir)) {
		_ = unix.Unmount(target, unix.MNT_DETACH) // of a container without a mount namespace
	}
	place := replacer(dir, host, id)
	o := outcome{facts: map[string]string{}, stderr: place(stderr.String()), config: []byte(place(string(data)))}
	if err := json.Unmarshal(stdout.Bytes(), &o.facts); err != nil && stdout.Len() > 0 {
		o.facts["outcome"] = "printed " + stdout.String()
		return o
	}
	for key, value := range o.facts {
		o.facts[key] = plain(key, place(value))
	}
	switch status := cmd.ProcessState.ExitCode(); {
	case ctx.Err() != nil:
		o.facts["outcome"] = "hangs"
	case stdout.Len() == 0 && status != 0 && status < 128 || status == 255:
		o.facts["outcome"] = "refused"
	default:
		o.facts["outcome"] = fmt.Sprintf("ended with %d", status)
	}
	return o
}

// replacer returns a function that replaces a trial's directories and id with names that are the
// same in all trials. The mount table shows the directories below the root of their file system, so
// any path that ends in one of them is replaced.
func replacer(dir, host, id string) func(string) string {
	below := func(name string) *regexp.Regexp {
		return regexp.MustCompile(`[^ "'=,]*/` + regexp.QuoteMeta(filepath.Base(suite.Dir())+name) + `\b`)
	}
	bundle, other, work := below("/"+filepath.Base(dir)), below("/"+filepath.Base(host)), below("")
	return func(text string) string {
		text = bundle.ReplaceAllString(text, "BUNDLE")
		text = other.ReplaceAllString(text, "HOST")
		return strings.ReplaceAll(work.ReplaceAllString(text, "WORK"), id, "ID")
	}
}

var (
	inode = regexp.MustCompile(`(pipe|socket|mnt|net|pid|user|uts|ipc|cgroup|time):\[(\d+)\]`)
	// others matches all pids but 1. They differ from one process to the next.
	others = regexp.MustCompile(`\b([2-9]|\d\d+)\b`)
	number = regexp.MustCompile(`\b[0-9a-f]{6,}\b`)
)

// plain replaces what differs from one container to the next.
func plain(key, value string) string {
	if strings.HasPrefix(key, "namespace ") {
		name := strings.TrimSuffix(strings.TrimPrefix(key, "namespace "), "_for_children")
		for _, known := range []struct{ where, pid string }{{"the host's", "self"}, {"the given one", fmt.Sprint(namespaces)}} {
			if target, _ := os.Readlink("/proc/" + known.pid + "/ns/" + name); target == value {
				return known.where
			}
		}
		return "its own"
	}
	value = inode.ReplaceAllString(value, "$1")
	if strings.HasPrefix(key, "status NS") || strings.HasSuffix(key, "id") || key == "ids" {
		return others.ReplaceAllString(value, "N")
	}
	if key == "session keyring" {
		return number.ReplaceAllString(value, "N")
	}
	return value
}
