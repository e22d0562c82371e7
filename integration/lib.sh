# shellcheck shell=bash
# Functions for the scripts in this directory: steps that say what they do and how long it takes.

# This is the process group of the running step.
running=

# step NAME CMD...: runs CMD and shows its output only if it fails. On a terminal the line shows the
# seconds that have passed.
step() {
	local name=$1 log begin=$SECONDS status=0
	shift
	log=$(mktemp)
	trap 'end_step; exit 143' TERM
	trap 'end_step; exit 130' INT
	# The command gets its own process group, so one signal can end all of it.
	set -m
	"$@" >"$log" 2>&1 </dev/null &
	running=$!
	set +m
	[[ -t 1 ]] || printf '%s …\n' "$name"
	while [[ -t 1 ]] && kill -0 "$running" 2>/dev/null; do
		printf '\r\033[K%s … %d s' "$name" $((SECONDS - begin))
		timeout 1 tail -s 0.1 --pid "$running" -f /dev/null || :
	done
	wait "$running" || status=$?
	running=
	trap - TERM INT
	[[ ! -t 1 ]] || printf '\r\033[K'
	if ((status)); then
		printf '%s: failed after %d s\n' "$name" $((SECONDS - begin))
		cat "$log"
	else
		printf '%s: %d s\n' "$name" $((SECONDS - begin))
	fi
	rm -f "$log"
	return "$status"
}

end_step() {
	[[ -z $running ]] || kill -TERM -- "-$running" 2>/dev/null || :
}
