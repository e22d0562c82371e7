# shellcheck shell=bash
# The nspawn host: Debian under systemd-nspawn on this machine's kernel, with
# cgroup v2 and whatever controllers this machine leaves to it.

nspawn_prepare() {
	host_packages systemd-container
	build_image
}

# nspawn_boot NAME BIND...: the supervisor's part.
nspawn_boot() {
	local name=$1 dir=$instances/$1 root bind device options=()
	shift
	root=$(image_root)

	mkdir -p "$dir/fs" /run/systemd/nspawn
	mount -t tmpfs -o mode=755 tmpfs /run/systemd/nspawn
	mount -t tmpfs -o mode=755,size=50% tmpfs "$dir/fs"
	mkdir "$dir"/fs/{upper,work,root,var}
	cp -a "$here/nspawn/root/." "$dir/fs/upper/"
	mount -t overlay -o "lowerdir=$root,upperdir=$dir/fs/upper,workdir=$dir/fs/work" \
		overlay "$dir/fs/root"

	# overlayfs can't be written through another: what engines put theirs on
	# is elsewhere.
	local store
	for store in containers containerd lxc; do
		mkdir -p "$dir/fs/root/var/lib/$store"
		cp -a "$dir/fs/root/var/lib/$store" "$dir/fs/var/$store"
		options+=("--bind=$dir/fs/var/$store:/var/lib/$store")
	done
	options+=("--bind-ro=$root/usr/share/berth-test:/usr/share/berth-test")
	for device in /dev/fuse /dev/net/tun /dev/loop*; do
		[[ -c $device || -b $device ]] && options+=("--bind=$device")
	done
	for bind; do
		case $bind in
		*:ro) options+=("--bind-ro=${bind%:ro}") ;;
		*) options+=("--bind=$bind") ;;
		esac
	done

	# LXC takes a seccomp filter of nspawn's for confinement enough and sets
	# none of its own. An inheritable set that isn't empty would make
	# lxc.cap.drop shrink the bounding set alone.
	exec env SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_SECCOMP=0 \
		SYSTEMD_NSPAWN_API_VFS_WRITABLE=network \
		systemd-nspawn --quiet --settings=no --register=no --keep-unit \
		--directory="$dir/fs/root" --machine="$name" --hostname=berth-testhost \
		--private-network --capability=all --kill-signal=SIGRTMIN+3 \
		--link-journal=no --resolv-conf=off --timezone=off --console=pipe \
		"${options[@]}" -- \
		/usr/bin/setpriv --inh-caps=-all --pdeathsig KILL /usr/lib/systemd/systemd
}

# nspawn_leader SUPERVISOR prints the pid of the instance's init.
nspawn_leader() {
	local pid
	for pid in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
		grep -Eq '^NSpid:.*[[:space:]]1$' "/proc/$pid/status" 2>/dev/null || continue
		echo "$pid"
		return
	done
}

# nspawn_wait NAME SUPERVISOR returns when systemd inside says running.
nspawn_wait() {
	local name=$1 supervisor=$2 leader tries state
	for ((tries = 0; tries < 600; tries++)); do
		sleep 0.05
		kill -0 "$supervisor" 2>/dev/null || return 1
		leader=$(nspawn_leader "$supervisor")
		[[ -n $leader && -S /proc/$leader/root/run/systemd/private ]] || continue
		echo "$leader" >"$instances/$name/leader"
		state=$(nspawn_exec "$name" plain systemctl is-system-running --wait) || true
		[[ $state == running ]] && return 0
		say "systemd says: $state"
		(nspawn_exec "$name" plain systemctl --failed --no-legend) >&2 || true
		return 1
	done
	return 1
}

# nspawn_exec NAME plain|tty CMD...: becomes CMD inside.
nspawn_exec() {
	local name=$1 how=$2 leader cgroup
	shift 2
	leader=$(cat "$instances/$name/leader")
	# Not in the caller's cgroup, which does not exist inside.
	while read -r cgroup; do
		[[ ! -d $cgroup/payload ]] || cgroup=$cgroup/payload/testhost
		mkdir -p "$cgroup"
		echo "$BASHPID" >"$cgroup/cgroup.procs"
	done < <(instance_cgroups "$name")
	[[ $how == plain ]] || set -- script --quiet --return --command "$(quote "$@")" /dev/null
	# Jobs of a shell script ignore these two, and would pass that on.
	exec nsenter --all --target "$leader" -- \
		env -i --default-signal=INT,QUIT --chdir=/root "PATH=$guest_path" \
		HOME=/root USER=root LANG=C.UTF-8 "TERM=${TERM:-dumb}" "$@"
}
