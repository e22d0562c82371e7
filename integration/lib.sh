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

# failed_tests OUTPUT: prints the names of the tests that failed according to the output of a Go
# test program, one a line, without those whose own subtests failed.
failed_tests() {
	sed -n 's/^ *--- FAIL: \(.*\) ([0-9.]*s)$/\1/p' "$1" | awk '
		{ name[NR] = $0 }
		END {
			for (i = 1; i <= NR; i++) {
				leaf = 1
				for (j = 1; j <= NR; j++) if (index(name[j], name[i] "/") == 1) leaf = 0
				if (leaf) print name[i]
			}
		}'
}

# unsteady FILE NAME TRY OUTPUT: notes in FILE, for loud, that a suite or package has failed at a
# try, and the tests that failed according to its output.
unsteady() {
	{
		echo "$2: failed at try $3"
		failed_tests "$4" | awk '{ print "    " $0 } END { if (!NR) print "    (no test by its name: see its output)" }'
	} >>"$1"
}

# loud TITLE FILE: prints a file so that nobody overlooks it, if it is not empty.
loud() {
	[[ -s $2 ]] || return 0
	echo
	printf '!%.0s' {1..100}
	printf '\n!!! %s\n' "$1"
	sed 's/^/!!! /' "$2"
	printf '!%.0s' {1..100}
	echo
}
