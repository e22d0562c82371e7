//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// handVMID is the first VMID for CTs by hand, outside berth's range. Each VMID is used once because
// the unit of a CT outlives the CT for a while.
const handVMID = 800000

// share prints what a life under berth-pct costs beside the same pct calls made by hand.
func share(runtime, bundle string, rounds int) error {
	var whole, hand, own []time.Duration
	for round := range rounds + 1 {
		life, err := oneLife(runtime, bundle, fmt.Sprintf("bench-pct-%d", round))
		if err != nil {
			return err
		}
		byHand, err := handLife(bundle, handVMID+round)
		if err != nil {
			return err
		}
		if round == 0 {
			continue
		}
		whole, hand, own = append(whole, life["whole"]), append(hand, byHand), append(own, life["whole"]-byHand)
	}
	fmt.Printf("\nA life under %s, median of %d in turn with pct create, start, the end, pct destroy by hand, ms\n", filepath.Base(runtime), rounds)
	fmt.Printf("%-28s%9.1f\n%-28s%9.1f\n%-28s%9.1f\n", "berth, whole", milliseconds(median(whole)),
		"pct by hand, whole", milliseconds(median(hand)), "berth's own share", milliseconds(median(own)))
	return nil
}

// handLife measures pct create, start and destroy of a CT with the bundle's rootfs and a process
// that LXC starts.
func handLife(bundle string, vmid int) (time.Duration, error) {
	id := strconv.Itoa(vmid)
	archive := filepath.Join(bundle, "empty.tar")
	if err := os.WriteFile(archive, make([]byte, 1024), 0o600); err != nil {
		return 0, err
	}
	include := filepath.Join(bundle, "hand.conf")
	lines := "lxc.init.cmd = /bin/sleep 1000\nlxc.mount.auto =\nlxc.mount.auto = proc:rw sys:rw\nlxc.hook.autodev =\nlxc.seccomp.profile =\nlxc.cgroup2 =\nlxc.cap.drop =\n"
	if err := os.WriteFile(include, []byte(lines), 0o600); err != nil {
		return 0, err
	}
	var total time.Duration
	timed := func(args ...string) error {
		begin := time.Now()
		err := call("pct", args...)
		total += time.Since(begin)
		return err
	}
	if err := timed("create", id, archive, "--rootfs", filepath.Join(bundle, "rootfs"), "--ostype", "unmanaged",
		"--unprivileged", "0", "--arch", "amd64", "--hostname", "hand", "--memory", "1024", "--swap", "0"); err != nil {
		return 0, err
	}
	conf, err := os.OpenFile("/etc/pve/lxc/"+id+".conf", os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return 0, err
	}
	_, err = conf.WriteString("lxc.include: " + include + "\n")
	conf.Close()
	if err != nil {
		return 0, err
	}
	if err := timed("start", id); err != nil {
		return 0, err
	}
	begin := time.Now()
	if err := end(id); err != nil {
		return 0, err
	}
	total += time.Since(begin)
	err = timed("destroy", id)
	return total, err
}

// end kills the container's init and waits until LXC has finished.
func end(id string) error {
	out, err := exec.Command("lxc-info", "-n", id, "-p", "-H").Output()
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		return err
	}
	// The process is not our child. LXC's monitor notices its end.
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		return err
	}
	for range 2500 {
		sockets, err := os.ReadFile("/proc/net/unix")
		if err != nil {
			return err
		}
		if !strings.Contains(string(sockets), "/"+id+"/command") {
			return nil
		}
		time.Sleep(2 * time.Millisecond)
	}
	return fmt.Errorf("CT %s still runs", id)
}
