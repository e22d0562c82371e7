# shellcheck shell=bash disable=SC2154
# Functions for the scripts of the scenarios.

# eventually COMMAND...: waits until a command succeeds.
eventually() {
	until "$@" >/dev/null 2>&1; do sleep 0.1; done
}

# says COMMAND... TEXT: succeeds if the output of a command contains a text.
says() {
	local out
	out=$("${@:1:$#-1}" 2>&1) || true
	[[ $out == *"${!#}"* ]]
}

# fails COMMAND...: runs a command that fails, and prints its output and its exit status.
fails() {
	local status=0
	"$@" 2>&1 || status=$?
	echo "status $status"
}

# ask CONTAINER FIELD: prints a field of inspect.
ask() {
	"$engine" inspect --format "{{$2}}" "$1"
}

# up NAME [OPTION...]: starts a container in the background that does nothing and has no network.
up() {
	"$engine" run --detach --network none --name "$@" "$i" sleep 1000 >/dev/null
}

# once [OPTION...] IMAGE COMMAND...: runs a container without a network and removes it.
once() {
	"$engine" run --rm --network none "$@"
}

# Commands of expect for an attached shell that says "got" and what it has read, and for the keys
# that detach. An engine must read those one at a time, and does not say when it has attached or
# read, so each step is repeated.
# shellcheck disable=SC2034 # scenarios use it
detach='set timeout 2
	while 1 { send one\r; expect {got one} break timeout {} }
	while 1 { catch {send \005}; sleep 0.5; catch {send x}; expect eof break timeout {} }'

# Lower than the host's own limits, which an engine's default for builds may exceed.
limits="--ulimit nofile=1024:1024 --ulimit nproc=1024:1024"

# build TAG [OPTION...]: builds the Containerfile here without a network.
build() {
	# shellcheck disable=SC2086
	podman build --quiet --network none $limits --tag "$@" . >/dev/null
}

# finally COMMAND: runs a command when the script ends, the latest one first. Afterwards the
# script's background jobs are killed.
finally() {
	at_end="$1; $at_end"
}
at_end=
trap 'set +e; eval "$at_end"; jobs -p | xargs --no-run-if-empty kill' EXIT

# unseen: removes the lines of the stub init, LXC's own process in the container's pid namespace,
# which berth cannot hide.
unseen() {
	grep -v -w stub-init
}
