//go:build linux

package engines

var spaceScenarios = []scenario{
	{name: "--pid, --ipc, --uts and --cgroupns of another's and private", script: `
		up $n --ipc shareable; up $n-2 --pid container:$n --ipc container:$n --uts container:$n
		for s in pid ipc uts mnt cgroup; do [[ $(readlink /proc/$(ask $n .State.Pid)/ns/$s) == "$(readlink /proc/$(ask $n-2 .State.Pid)/ns/$s)" ]] && echo $s; done; echo
		podman exec $n-2 ps | grep -c 'sleep 1000'; podman kill $n >/dev/null; podman wait $n-2`,
		want: "pid\nipc\nuts\n\n2\n137"},
	{name: "--ipc none and private, --shm-size", script: `
		once --ipc none $i sh -c 'grep -c " /dev/shm " /proc/mounts || true'
		once --ipc private --shm-size 2m $i sh -c 'df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2; readlink /proc/self/ns/ipc' >o; head -1 o; [[ $(tail -1 o) != "$(readlink /proc/self/ns/ipc)" ]] && echo its own`,
		want: "0\n2048\nits own"},
	{name: "--pid host, --uts host, --ipc host, --cgroupns host", script: `
		podman run --rm --pid host --uts host --ipc host --cgroupns host --network host $i sh -c 'for s in pid uts ipc cgroup net; do readlink /proc/self/ns/$s; done' >o
		for s in pid uts ipc cgroup net; do readlink /proc/self/ns/$s; done | diff - o && echo the same
		once --pid host $i sh -c 'test $$ -gt 1 && readlink /proc/1/exe >/dev/null 2>&1; cat /proc/1/comm'`,
		want: "the same\nsystemd"},
	{name: "--cgroupns private and host: what is in /proc/self/cgroup", script: `
		once --cgroupns private $i grep ^0:: /proc/self/cgroup; once --cgroupns host $i sh -c 'grep -c -e libpod -e lxc /proc/self/cgroup; touch /sys/fs/cgroup/x 2>&1' || true`,
		want: "0::/\n1\ntouch: /sys/fs/cgroup/x: Read-only file system"},
	{name: "--userns keep-id, and nomap, which is not for root", script: `
		once --userns keep-id $i sh -c 'id -u; awk "{print \$1, \$2, \$3}" /proc/self/uid_map'; fails once --userns nomap $i true | tail -2`,
		want: "0\n0 0 4294967295\nError: nomap is only supported in rootless mode\nstatus 125"},
	{name: "--uidmap, with a volume that is idmapped and one that is not", script: `
		mkdir v w; chmod 777 v w; echo x >v/f; once --uidmap 0:300000:1000 --uidmap 1000:400000:10 --gidmap 0:300000:65536 --volume $d/v:/v:idmap --volume $d/w:/w --user 1000:0 $i sh -c '
			cat /proc/self/uid_map | tr -s " "; stat -c %u /v/f; touch /v/mine /w/mine; stat -c %u /v/mine'; stat -c %u v/mine w/mine`,
		want: "0 300000 1000\n 1000 400000 10\n0\n1000\n1000\n400000"},
	// podman sometimes finds "not enough unused IDs" while other containers come and go.
	{name: "--userns container:ID and ns:PATH", script: `
		eventually up $n --userns auto:size=3000; up $n-2 --userns container:$n
		a=$(readlink /proc/$(ask $n .State.Pid)/ns/user) b=$(readlink /proc/$(ask $n-2 .State.Pid)/ns/user); [[ $a == "$b" && $a != "$(readlink /proc/self/ns/user)" ]] && echo shared; podman exec $n-2 id -u`,
		want: "shared\n0"},
	{name: "--userns with a device, tmpfs, read-only root and --init", script: `
		once --userns auto --init --read-only --tmpfs /t:size=1m,mode=1777 --device /dev/fuse $i sh -c 'test -c /dev/fuse && echo device; echo x >/t/f && cat /t/f; touch /x 2>&1; cat /proc/1/comm; echo >/dev/null && head -c 1 /dev/zero | wc -c'`,
		want: "device\nx\ntouch: /x: Read-only file system\npodman-init\n1"},
	{name: "--cgroups=no-conmon and split", script: `
		up $n --cgroups=no-conmon; [[ $(cut -d: -f3 /proc/$(ask $n .State.ConmonPid)/cgroup | tail -1) == $(cut -d: -f3 /proc/self/cgroup | tail -1) ]] && echo conmon stays
		systemd-run --quiet --wait --pipe --service-type=exec --property=Delegate=yes --setenv=PATH="$PATH" podman run --rm --name $n-2 --network none --cgroups=split $i sh -c 'echo in the unit; grep ^0:: /proc/self/cgroup'`,
		want: "conmon stays\nin the unit\n0::/"},
	// An LXC container always has a cgroup, through which it is limited, killed and frozen.
	{name: "--cgroups=disabled", script: `
		podman run --detach --cgroups=disabled --name $n --network none $i sleep 1000 >/dev/null
		podman exec $n echo in; [[ $(tail -1 /proc/$(ask $n .State.Pid)/cgroup) == $(tail -1 /proc/self/cgroup) ]] && echo the same cgroup; podman stop --time 0 $n >/dev/null 2>&1; podman wait $n`,
		want:    "in\nthe same cgroup\n137",
		refused: refusal{"berth-lxc": "not supported by the lxc backend, because its containers always have a cgroup", "berth-pct": "not supported by the pct backend, because its containers always have a cgroup"}},
	// A CT is in Proxmox VE's cgroup, whatever cgroup an engine names.
	{name: "--cgroup-parent", script: `
		parent=${n//-/_}.slice; finally "systemctl stop $parent"; place=$parent; [[ $runtime != *-pct ]] || place=/lxc/
		podman run --detach --cgroup-parent $parent --name $n --network none $i sleep 1000 >/dev/null
		grep -c $place /proc/$(ask $n .State.Pid)/cgroup; grep -c $parent /proc/$(ask $n .State.ConmonPid)/cgroup; podman rm --force --time 0 $n >/dev/null`,
		want: "1\n1"},
}
