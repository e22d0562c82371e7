# shellcheck shell=bash
# An instance: a directory in $instances, a cgroup in each hierarchy systemd
# uses, and the one process (the supervisor) everything else descends from.
# Its mounts and network are in namespaces of its own, so that they go with
# its last process whatever kills it.

# cgroup_roots prints where cgroup v2 and systemd's own v1 hierarchy are.
cgroup_roots() {
	awk '$3 == "cgroup2" || ($3 == "cgroup" && $4 ~ /(^|,)name=systemd(,|$)/) { print $2 }' \
		/proc/self/mounts | sort -u
}

instance_cgroups() {
	local root
	cgroup_roots | while read -r root; do
		echo "$root/berth-testhost-$1"
	done
}

valid_name() {
	[[ $1 =~ ^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$ ]] || die "'$1' is no name for an instance"
}

# instance_start NAME KIND LIFETIME BIND...: starts the supervisor and returns
# when the instance runs. LIFETIME is "bound" (it dies with this process) or
# "free". A BIND is SRC:DST or SRC:DST:ro.
instance_start() {
	local name=$1 kind=$2 lifetime=$3 dir=$instances/$1 bind bound=()
	shift 3
	valid_name "$name"
	mkdir -p "$instances"
	mkdir "$dir" 2>/dev/null || die "there is an instance $name already"
	echo "$kind" >"$dir/kind"
	for bind; do echo "$bind"; done >"$dir/binds"
	[[ $lifetime == free ]] || bound=(setpriv --pdeathsig KILL --)
	"${bound[@]}" setsid -- unshare --mount --net --propagation private -- \
		"$here/testhost" supervise "$kind" "$name" "$@" </dev/null >"$dir/log" 2>&1 &
	local supervisor=$!
	disown # or this shell tells the user of its end
	if ! "${kind}_wait" "$name" "$supervisor" </dev/null; then
		say "the instance did not come up; the end of its log:"
		tail -n 25 "$dir/log" >&2
		instance_remove "$name"
		exit 125
	fi
}

# instance_supervise KIND NAME BIND...: becomes the supervisor.
instance_supervise() {
	local kind=$1 name=$2 cgroup
	shift 2
	while read -r cgroup; do
		mkdir "$cgroup"
		echo $$ >"$cgroup/cgroup.procs"
	done < <(instance_cgroups "$name")
	echo $$ >"$instances/$name/supervisor"
	"${kind}_boot" "$name" "$@"
}

# instance_alive NAME: whether its supervisor runs. Its pid alone proves nothing,
# and a zombie is in no cgroup.
instance_alive() {
	instance_processes "$1" | grep -qx "$(cat "$instances/$1/supervisor")"
}

instance_kind() {
	valid_name "$1"
	[[ -e $instances/$1/kind ]] || die "there is no instance $1"
	cat "$instances/$1/kind"
}

# instance_processes NAME prints the pids in its cgroups.
instance_processes() {
	instance_cgroups "$1" | while read -r cgroup; do
		find "$cgroup" -name cgroup.procs -exec cat {} +
	done 2>/dev/null | sort -un || true
}

# instance_remove NAME: ends all its processes and leaves nothing of it.
instance_remove() {
	local name=$1 cgroup tries pid processes left=1
	mapfile -t processes < <(instance_processes "$name")
	for ((tries = 0; left && tries < 1000; tries++)); do
		((tries == 0)) || sleep 0.01
		left=0
		while read -r cgroup; do
			[[ -d $cgroup ]] || continue
			left=1
			[[ ! -e $cgroup/cgroup.kill ]] || echo 1 >"$cgroup/cgroup.kill" || true
			find "$cgroup" -depth -type d -exec rmdir {} + || true
		done < <(instance_cgroups "$name") 2>/dev/null
		((!left)) || instance_processes "$name" | xargs -r kill -KILL 2>/dev/null || true
	done
	((!left)) || die "cannot remove the cgroups of $name"
	# Out of its cgroup a process may still be on its way out of the machine.
	for pid in "${processes[@]}"; do
		for ((tries = 0; tries < 500; tries++)); do
			[[ -d /proc/$pid ]] || break
			sleep 0.01
		done
	done
	rm -rf --one-file-system "${instances:?}/$name"
}

# instance_sweep removes what instances left whose supervisor was killed.
instance_sweep() {
	local dir
	for dir in "$instances"/*/; do
		[[ -e $dir/supervisor ]] || continue
		instance_alive "$(basename "$dir")" || instance_remove "$(basename "$dir")"
	done
}
