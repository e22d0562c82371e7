# shellcheck shell=bash
# The root image: a directory in the cache named by the hash of its recipe.

suite=trixie

# recipe_key prints what the image's name holds: it changes with the recipe.
recipe_key() {
	(
		cd "$here"
		find image lib/image.sh -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
	) | sha256sum | cut -c1-16
}

image_root() { echo "$cache/root-$(recipe_key)"; }

# debian_mirror prints the archive this machine's own apt takes Debian from.
debian_mirror() {
	apt-get indextargets --format '$(ORIGIN)|$(SUITE)|$(REPO_URI)' 'Created-By: Packages' |
		awk -F'|' '$1 == "Debian" && $2 !~ /security|updates|backports/ { print $3; exit }'
}

# in_root ROOT CMD...: runs CMD in a root file system of this machine.
in_root() {
	local root=$1
	shift
	unshare --mount --pid --fork --kill-child --propagation private bash -euc '
		# What unpacks images needs its / to be a mount.
		mount --bind "$1" "$1"
		cd "$1"; shift
		mount --rbind /dev dev
		mount -t proc proc proc
		mount -t sysfs sysfs sys
		mount -t tmpfs tmpfs run
		pivot_root . .
		umount -l .
		exec chroot . env -i HOME=/root PATH='"$guest_path"' LC_ALL=C.UTF-8 \
			DEBIAN_FRONTEND=noninteractive "$@"
	' in_root "$root" "$@"
}

# build_image makes the root image unless it is there.
build_image() {
	[[ -d $(image_root) ]] && return 0
	host_packages debootstrap
	locked build_image_once
}

build_image_once() {
	local root mirror packages work=$cache/tmp-root log=$cache/build.log
	root=$(image_root)
	[[ -d $root ]] && return 0
	[[ -n $(debian_mirror) ]] || apt-get update -qq >&2
	mirror=$(debian_mirror)
	[[ -n $mirror ]] || die "no Debian archive in this machine's apt sources"
	mapfile -t packages < <(sed 's/#.*//' "$here/image/packages" | xargs -n1)
	say "building $root from $mirror"
	rm -rf --one-file-system "$work"
	{
		debootstrap --variant=minbase "$suite" "$work" "$mirror" &&
			prepare_root "$work" &&
			in_root "$work" apt-get update -qq &&
			in_root "$work" apt-get install -y -qq --no-install-recommends "${packages[@]}" &&
			cp -a "$here/image/root/." "$work/" &&
			in_root "$work" /tmp/image/configure &&
			rm -rf "$work/tmp/image" "$work/usr/sbin/policy-rc.d"
	} </dev/null >"$log" 2>&1 || die "the image could not be made: see $log"
	mv -T "$work" "$root"
	prune_cache
}

# prepare_root ROOT: no service starts while packages are installed, and
# nothing waits for the disk.
prepare_root() {
	cp -a "$here/image" "$1/tmp/image" &&
		install -m 755 /dev/stdin "$1/usr/sbin/policy-rc.d" <<<$'#!/bin/sh\nexit 101' &&
		echo force-unsafe-io >"$1/etc/dpkg/dpkg.cfg.d/testhost"
}

# prune_cache removes images of other recipes that no instance has mounted.
prune_cache() {
	local old
	for old in "$cache"/root-*; do
		[[ $old != "$(image_root)"* ]] || continue
		grep -qsF "$old" /proc/[0-9]*/mountinfo || rm -rf --one-file-system "$old"
	done
}
