# shellcheck shell=bash
# What every part of testhost uses.

cache=${BERTH_TESTHOST_CACHE:-/var/cache/berth-testhost}
instances=/run/berth-testhost
guest_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

say() { printf 'testhost: %s\n' "$*" >&2; }

die() {
	say "$@"
	exit 125
}

need_root() {
	((EUID == 0)) || die "must be root"
}

# host_packages PACKAGE...: installs on this machine those that are missing.
host_packages() {
	[[ -z $(missing_packages "$@") ]] || locked install_missing "$@"
}

missing_packages() {
	local package
	for package; do
		[[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
	done
}

# install_missing PACKAGE...: another testhost may have done it in the meantime, and
# apt may be at work for somebody else.
install_missing() {
	local missing
	mapfile -t missing < <(missing_packages "$@")
	((${#missing[@]})) || return 0
	say "installing ${missing[*]}"
	apt-get -o DPkg::Lock::Timeout=600 update -qq >&2
	DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y -qq --no-install-recommends \
		"${missing[@]}" </dev/null >&2
}

# quote WORD...: one line that a shell reads back as those words.
quote() {
	local quoted
	printf -v quoted '%q ' "$@"
	printf '%s' "${quoted% }"
}

# locked CMD...: runs CMD while no other testhost makes something in the cache.
locked() {
	mkdir -p "$cache"
	(
		exec {lock}>"$cache/lock"
		flock "$lock"
		"$@"
	)
}
