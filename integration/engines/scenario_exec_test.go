//go:build linux

package engines

var execScenarios = []scenario{
	{name: "exec: user, directory, environment, exit status", script: `
		up $n --env A=1
		podman exec --user user:staff --workdir /usr --env B=2 $n sh -c 'id -un; id -gn; pwd; echo $A $B $HOME'
		podman exec $n sh -c 'exit 7' || echo $?; podman exec $n sh -c 'kill -9 $$' || echo $?
		podman exec $n nosuchprogram 2>/dev/null || echo $?; podman exec $n /etc/passwd 2>/dev/null || echo $?
		podman exec --workdir /nowhere $n true 2>/dev/null || echo $?`,
		want: "user\nstaff\n/usr\n1 2 /home/user\n7\n137\n127\n126\n127"},
	{name: "exec: --privileged, and capabilities without", script: `
		up $n --cap-drop all
		podman exec $n grep CapEff /proc/self/status | tr -d '\t'
		[[ $(podman exec --privileged $n awk '/CapEff/{print $2}' /proc/self/status) == $(awk '/CapBnd/{print $2}' /proc/1/status) ]] && echo all
		podman exec --user user $n grep CapEff /proc/self/status | tr -d '\t'`,
		want: "CapEff:0000000000000000\nall\nCapEff:0000000000000000"},
	{name: "exec: stdin, stdout and stderr apart", script: `
		up $n
		seq 1000 | podman exec -i $n sh -c 'wc -l; echo err >&2' 2>e; cat e; echo lost | podman exec $n cat
		head -c 3000000 /dev/zero | podman exec -i $n cat | wc -c`,
		want: "1000\nerr\n3000000"},
	{name: "exec: -it", script: `
		up $n
		expect -c "spawn -noecho podman exec -it $n sh -c {tty; read a; echo got \$a; exit 5}; expect /dev/pts; send typed\r; expect {got typed}; expect eof; exit [lindex [wait] 3]" >o || echo $?
		grep -o 'got.*' o | tr -d '\r'`,
		want: "5\ngot typed"},
	{name: "exec: detached, its session is listed", script: `
		up $n
		id=$(podman exec --detach $n sh -c 'echo ran >/ran; until test -e /go; do sleep 0.1; done')
		eventually podman exec $n cat /ran; ask $n .ExecIDs | grep -c $id
		podman exec $n touch /go; until [[ $(podman top $n comm | grep -c sh) == 0 ]]; do sleep 0.1; done; podman exec $n cat /ran`,
		want: "1\nran"},
	{name: "exec: in a user namespace, with --preserve-fds", script: `
		up $n --uidmap 0:200000:65536
		echo through >f; podman exec --preserve-fds 1 $n sh -c 'cat <&3; id -u; ls /proc/self/fd | wc -l' 3<f
		podman exec $n awk '{print $1, $2, $3}' /proc/self/uid_map`,
		want: "through\n0\n5\n0 200000 65536"},
	{name: "exec: in a paused and in an ended container", script: `
		up $n; podman pause $n >/dev/null; fails podman exec $n true | grep -o -e 'state improper' -e 'status.*'
		podman kill $n >/dev/null; podman wait $n; fails podman exec $n true | grep -o -e 'state improper' -e 'status.*'`,
		want: "state improper\nstatus 255\n137\nstate improper\nstatus 255"},
	{name: "exec: ends with its container", script: `
		up $n; podman exec $n sleep 1234 & until podman top $n args | grep -q 'sleep 1234'; do :; done
		podman kill $n >/dev/null; wait $! || echo $?`,
		want: "137"},

	{name: "attach: stdin and output", script: `
		podman create --interactive --name $n --network none $i sh -c 'read a; echo got $a; echo err >&2; exit 4' >/dev/null
		podman init $n >/dev/null; podman start $n >/dev/null
		(sleep 0.5; echo line) | { podman attach $n 2>e || true; } | grep .; grep err e; podman wait $n`,
		want: "got line\nerr\n4"},
	{name: "attach: keys that detach", script: `
		podman run --detach --interactive --tty --name $n --network none $i sh -c 'while read a; do echo got $a; done' >/dev/null
		expect -c "spawn -noecho podman attach --detach-keys=ctrl-e,x $n; $detach; exit [lindex [wait] 3]" >/dev/null; echo $?
		ask $n .State.Status; podman logs $n | grep -m 1 -o 'got one'`,
		want: "0\nrunning\ngot one"},
	{name: "attach: --no-stdin, to one that runs", script: `
		podman run --detach --name $n --network none $i sh -c 'trap "echo got" USR1; trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done' >/dev/null
		eventually says podman logs $n ready; podman attach --no-stdin $n >o & until grep -q got o; do podman kill --signal USR1 $n >/dev/null; sleep 0.2; done
		podman stop $n >/dev/null; wait $! || true; sort -u o; podman wait $n`,
		want: "got\n3"},

	{name: "top: columns, and of the host", script: `
		up $n --user user; podman top $n user pid comm state | unseen; podman top $n hpid capeff seccomp | sed -n 2p | awk '{print ($1 > 1), $2, $3}'
		[[ $(podman top $n hpid | sed -n 2p) == $(ask $n .State.Pid) ]] && echo its pid; podman top $n -ef | grep -c 'sleep 1000'`,
		want: "USER        PID         COMMAND     STATE\nuser        1           sleep       S\n1 none filter\nits pid\n1"},
	{name: "stats", script: `
		up $n; podman stats --no-stream --format '{{.Name}} {{.PIDs}}' $n | sed "s/$n/N/; s/ [0-9]*$/ some/"
		podman stats --no-stream --format json $n | jq -r '.[0] | has("cpu_percent"), has("mem_usage"), .name' | sed s/$n/N/`,
		want: "N some\ntrue\ntrue\nN"},

	{name: "logs: -f, --since, --tail, -t, both drivers", script: `
		for l in k8s-file journald; do
			podman run --detach --log-driver $l --name $n-$l --network none $i sh -c 'for i in 1 2 3; do echo $i; done; while ! test -e /go; do sleep 0.1; done; echo last' >/dev/null
			eventually says podman logs $n-$l 3; podman logs --tail 1 $n-$l; podman logs --since $(date +%s.%N) $n-$l | wc -l
			podman logs -t $n-$l | sed -n 1p | grep -c -E '^[0-9-]+T[0-9:.]+[^ ]* 1$'
			podman logs -f $n-$l >o & podman exec $n-$l touch /go; wait $!; tail -1 o
		done`,
		want: "3\n0\n1\nlast\n3\n0\n1\nlast"},
	{name: "logs: after a restart, with none, and a size", script: `
		podman run --detach --log-driver k8s-file --name $n --network none $i sh -c 'echo $(cat /count) run; echo x >>/count; sleep 1000' >/dev/null
		eventually says podman logs $n run; podman restart --time 0 $n >/dev/null; eventually says podman logs $n x; podman logs $n 2>&1 | grep run
		podman run --log-driver none --name $n-2 --network none $i echo shown; fails podman logs $n-2 | grep -o "this container is using the 'none' log driver.*"
		podman run --log-driver k8s-file --log-opt path=$d/log --name $n-3 --network none $i echo written; cut -d' ' -f2- log`,
		want: "run\nx run\nshown\nthis container is using the 'none' log driver, cannot read logs: this container is not logging output\nwritten\nstdout F written"},
	{name: "logs: passthrough, and long lines", script: `
		podman run --rm --log-driver passthrough --network none $i sh -c 'echo out; echo err >&2' 2>e; tail -1 e
		podman run --log-driver k8s-file --name $n --network none $i sh -c 'head -c 100000 /dev/zero | tr "\0" x; echo; echo end' >/dev/null
		podman logs $n | wc -c; podman logs $n | tail -1`,
		want: "out\nerr\n100005\nend"},
}
