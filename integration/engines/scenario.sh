# shellcheck shell=bash disable=SC2154
# What the scenarios' scripts have at hand.

# eventually COMMAND...: waits until a command succeeds.
eventually() {
	until "$@" >/dev/null 2>&1; do sleep 0.1; done
}

# says COMMAND... TEXT: whether a command's output has a text.
says() {
	local out
	out=$("${@:1:$#-1}" 2>&1) || true
	[[ $out == *"${!#}"* ]]
}

# fails COMMAND...: the exit status of a command that fails; what it says goes to stdout.
fails() {
	local status=0
	"$@" 2>&1 || status=$?
	echo "status $status"
}

# ask CONTAINER FIELD: a field of inspect's.
ask() {
	"$engine" inspect --format "{{$2}}" "$1"
}

# up NAME [OPTION...]: a container in the background that does nothing, without a network.
up() {
	"$engine" run --detach --network none --name "$@" "$i" sleep 1000 >/dev/null
}

# once [OPTION...] IMAGE COMMAND...: runs a container without a network and removes it.
once() {
	"$engine" run --rm --network none "$@"
}

# Fewer than the host's own, which an engine's default for builds is not.
limits="--ulimit nofile=1024:1024 --ulimit nproc=1024:1024"

# build TAG [OPTION...]: builds the Containerfile here without a network.
build() {
	# shellcheck disable=SC2086
	podman build --quiet --network none $limits --tag "$@" . >/dev/null
}

# finally COMMAND: runs a command when the script has ended, the latest first.
# What is left in the background then ends as well.
finally() {
	at_end="$1; $at_end"
}
at_end=
trap 'set +e; eval "$at_end"; jobs -p | xargs --no-run-if-empty kill' EXIT

# unseen: passes on all lines but those of LXC's own process in the container's
# pid namespace, which berth cannot hide.
unseen() {
	grep -v -w stub-init
}
