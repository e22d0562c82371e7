# shellcheck shell=bash
# The User-mode Linux host: the same Debian under a kernel of its own, a
# process of this machine's, with all of cgroup v2's controllers and AppArmor
# whatever this machine has. It has one CPU. It is entered with ssh, over a
# link that only it and its supervisor's network namespace have.

uml_host_address=192.0.2.1/30
uml_address=192.0.2.2

# uml_disk prints the disk image's path: the root image with uml/root over it.
uml_disk() {
	local own
	own=$(cd "$here/uml" && tar --sort=name --mtime=@0 --owner=0 --group=0 -c root | sha256sum)
	echo "$(image_root)-uml-${own:0:16}.ext4"
}

uml_prepare() {
	host_packages e2fsprogs openssh-client iproute2
	build_image
	[[ -e $(uml_disk) ]] || locked uml_make_disk
}

uml_make_disk() {
	local disk work=$cache/tmp-disk
	disk=$(uml_disk)
	[[ -e $disk ]] && return 0
	say "making $disk"
	rm -rf "$work"
	mkdir "$work" "$work/root"
	cp -a "$(image_root)/." "$work/root/"
	cp -a "$here/uml/root/." "$work/root/"
	truncate -s 8G "$work/disk"
	# A journal is of no use to a disk that is thrown away.
	mke2fs -q -t ext4 -O ^has_journal -d "$work/root" "$work/disk" >&2
	mv "$work/disk" "$disk"
	rm -rf "$work"
}

# uml_boot NAME BIND...: the supervisor's part. The kernel runs in the root
# image, whose C library it was built for, and sees nothing else of this
# machine but the binds.
uml_boot() {
	local name=$1 dir=$instances/$1 host=$instances/$1/fs/host root bind source count=0
	shift
	root=$(image_root)
	echo "$root" >"$dir/root"

	mkdir "$dir/fs"
	mount -t tmpfs -o mode=755,size=75% tmpfs "$dir/fs"
	mkdir "$host"
	mount --bind "$root" "$host"
	mount -o remount,bind,ro "$host"
	mount --rbind /dev "$host/dev"
	mount -t tmpfs -o mode=755,size=75% tmpfs "$host/run"
	: >"$host/run/base"
	mount --bind "$(uml_disk)" "$host/run/base"
	for bind; do
		source=${bind%%:*}
		if [[ -d $source ]]; then
			mkdir -p "$host/run/bind/$count"
			mount --rbind "$source" "$host/run/bind/$count"
		else
			# hostfs mounts directories alone.
			mkdir -p "$host/run/bind/$count"
			: >"$host/run/bind/$count/file"
			mount --bind "$source" "$host/run/bind/$count/file"
		fi
		((++count))
	done

	# Each program that starts costs this machine much, and none of these does
	# anything here.
	local unit masked=()
	for unit in modprobe@{configfs,drm,efi_pstore,dm_mod,loop}.service sys-kernel-config.mount \
		systemd-binfmt.service systemd-pstore.service systemd-tpm2-setup{,-early}.service \
		systemd-random-seed.service systemd-hibernate-clear.service; do
		masked+=("systemd.mask=$unit")
	done

	ip link set lo up
	ip tuntap add tap0 mode tap
	ip address add "$uml_host_address" dev tap0
	ip link set tap0 up
	# As the init of a pid namespace it takes its helpers with it.
	exec unshare --pid --fork --kill-child --mount-proc="$host/proc" -- \
		chroot "$host" env -i PATH="$guest_path" HOME=/run TMPDIR=/run linux.uml \
		ubd0=/run/cow,/run/base root=/dev/ubda rw mem=3072M \
		vec0:transport=tap,ifname=tap0,depth=128,gro=1 \
		con=null ssl=null stderr=1 \
		security=apparmor apparmor=1 systemd.unit=multi-user.target \
		loglevel=4 "${masked[@]}"
}

# uml_ssh NAME ARG...: becomes ssh with nothing of this machine's configuration.
uml_ssh() {
	local name=$1
	shift
	exec ssh -F none -S "$instances/$name/ssh" -o BatchMode=yes -o LogLevel=ERROR \
		-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "$@"
}

# uml_connect NAME SUPERVISOR opens the connection that all commands share. It
# is of the instance's cgroup, and ends with it.
uml_connect() (
	local name=$1 supervisor=$2 cgroup
	while read -r cgroup; do
		echo "$BASHPID" >"$cgroup/cgroup.procs"
	done < <(instance_cgroups "$name")
	export -f uml_ssh
	export instances
	exec nsenter --net="/proc/$supervisor/ns/net" -- bash -c 'uml_ssh "$@"' uml_ssh "$name" \
		-f -N -M -o ConnectTimeout=1 -i "$(cat "$instances/$name/root")/etc/testhost/key" \
		"root@$uml_address" </dev/null >/dev/null 2>&1
)

# uml_wait NAME SUPERVISOR returns when the binds are mounted and systemd inside
# says running.
uml_wait() {
	local name=$1 supervisor=$2 dir=$instances/$1 tries state
	for ((tries = 0; tries < 600; tries++)); do
		sleep 0.1
		kill -0 "$supervisor" 2>/dev/null || return 1
		[[ -e $dir/root ]] && uml_connect "$name" "$supervisor" && break
	done
	[[ -S $dir/ssh ]] || return 1
	(uml_ssh "$name" -T "root@$uml_address" "$(uml_mounts "$dir/binds")") >&2 || return 1
	state=$(uml_exec "$name" plain systemctl is-system-running --wait) || true
	[[ $state == running ]] && return 0
	say "systemd says: $state"
	(uml_exec "$name" plain systemctl --failed --no-legend) >&2 || true
	return 1
}

# uml_mounts FILE prints what mounts inside the binds that FILE lists.
uml_mounts() {
	local bind source target rest count=0
	echo 'set -e; mkdir -p /sys/fs/cgroup/testhost'
	while IFS=: read -r source target rest; do
		if [[ -d $source ]]; then
			printf 'mkdir -p %q; mount -t hostfs -o %shostfs=/run/bind/%d none %q\n' \
				"$target" "${rest:+ro,}" "$count" "$target"
		else
			printf 'mkdir -p %q /run/testhost/%d; touch %q\n' "${target%/*}/" "$count" "$target"
			printf 'mount -t hostfs -o %shostfs=/run/bind/%d none /run/testhost/%d\n' \
				"${rest:+ro,}" "$count" "$count"
			printf 'mount --bind /run/testhost/%d/file %q\n' "$count" "$target"
		fi
		((++count))
	done <"$1"
}

# uml_exec NAME plain|tty CMD...: as nspawn_exec.
uml_exec() {
	local name=$1 how=$2 tty=-T line
	shift 2
	[[ $how == plain ]] || tty=-t
	line=$(quote env -i --chdir=/root "PATH=$guest_path" HOME=/root USER=root \
		LANG=C.UTF-8 "TERM=${TERM:-dumb}" "$@")
	# The shell stays, since ssh has no word for an end by a signal; what the
	# shell itself says of one is nobody's output.
	uml_ssh "$name" "$tty" "root@$uml_address" \
		"echo \$\$ >/sys/fs/cgroup/testhost/cgroup.procs; { $line 2>&3 3>&-; } 3>&2 2>/dev/null; exit \$?"
}
