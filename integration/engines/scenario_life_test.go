//go:build linux

package engines

var lifeScenarios = []scenario{
	{name: "restart policy on-failure:N", script: `
		podman run --detach --restart on-failure:2 --name $n --network none --volume $d:/d $i sh -c 'echo ran >>/d/ran; exit 3' >/dev/null
		eventually says ask $n '.RestartCount}} {{.State.Status' '2 exited'; wc -l <ran; ask $n .State.ExitCode
		podman run --detach --restart on-failure:2 --name $n-2 --network none $i true >/dev/null; podman wait $n-2; ask $n-2 .RestartCount`,
		want: "3\n3\n0\n0"},
	{name: "restart policies always and unless-stopped", script: `
		for p in always unless-stopped; do
			touch $p
			podman run --detach --restart $p --name $n-$p --network none --volume $d:/d $i sh -c 'echo ran >>/d/'$p'; test $(wc -l </d/'$p') -gt 2 && exec sleep 1000; exit 0' >/dev/null
			until [[ $(wc -l <$p) == 3 ]]; do sleep 0.1; done
			eventually says podman top $n-$p comm sleep; podman stop --time 0 $n-$p >/dev/null 2>&1; sleep 0.5; ask $n-$p '.State.Status}} {{.RestartCount'
		done`,
		want: "exited 2\nexited 2"},
	{name: "restart: of a running, a stopped and all with a label", script: `
		up $n --label row=$n; one=$(ask $n .State.Pid); podman restart --time 0 $n >/dev/null; two=$(ask $n .State.Pid)
		podman stop --time 0 $n >/dev/null 2>&1; podman restart $n >/dev/null; three=$(ask $n .State.Pid)
		podman restart --time 0 --filter label=row=$n >/dev/null; four=$(ask $n .State.Pid)
		printf '%s\n' $one $two $three $four | sort -u | wc -l; kill -0 $four && echo alive`,
		want: "4\nalive"},
	{name: "--init reaps, and passes signals", script: `
		podman run --detach --init --name $n --network none $i sh -c 'trap "exit 6" TERM; sh -c "sleep 0.1 & echo \$! >/orphan; exec true"; echo ready; while :; do sleep 0.1; done' >/dev/null
		eventually says podman logs $n ready; podman exec $n sh -c 'while test -e /proc/$(cat /orphan); do sleep 0.1; done; echo reaped; cat /proc/1/comm'
		podman stop $n >/dev/null; podman wait $n`,
		want: "reaped\npodman-init\n6"},
	{name: "healthcheck: passes, fails, is shown", script: `
		up $n --health-cmd 'test -e /good' --health-interval disable --health-retries 2 --health-start-period 0s
		ask $n .State.Health.Status; podman healthcheck run $n || echo $?; podman healthcheck run $n || echo $?; ask $n '.State.Health.Status}} {{.State.Health.FailingStreak'
		podman exec $n touch /good; podman healthcheck run $n; ask $n .State.Health.Status; podman ps --filter health=healthy --format '{{.Names}}' | grep -c -x $n`,
		want: "starting\nunhealthy\n1\nunhealthy\n1\nunhealthy 2\nhealthy\n1"},
	{name: "healthcheck: by systemd's timer, and kill on failure", script: `
		podman run --detach --health-cmd 'echo checked; test ! -e /bad' --health-interval 1s --health-retries 1 --health-on-failure kill --name $n --network none $i sleep 1000 >/dev/null
		eventually says ask $n .State.Health.Status healthy; ask $n '(index .State.Health.Log 0).Output' | sed -n 1p
		podman exec $n touch /bad; podman wait $n`,
		want: "checked\n137"},
	{name: "wait: --condition", script: `
		mkfifo go; podman create --name $n --network none --volume $d:/d $i sh -c 'read line </d/go; exit 5' >/dev/null
		podman wait --condition running --interval 50ms $n & podman start $n >/dev/null; wait $!; echo >go
		podman wait $n; podman wait --condition stopped $n; podman wait --condition removing --ignore $n-none`,
		want: "-1\n5\n5\n-1"},
	{name: "kill: by name, by number, real-time, all that match", script: `
		podman run --detach --name $n --network none $i sh -c 'for s in USR1 HUP 34 64; do trap "echo got $s" $s; done; echo ready; while :; do sleep 0.1; done' >/dev/null
		eventually says podman logs $n ready
		for s in USR1:USR1 1:HUP 34:34 SIGRTMAX:64; do podman kill --signal ${s%:*} $n >/dev/null; eventually says podman logs $n "got ${s#*:}"; done; podman logs $n | grep got
		fails podman kill --signal NOSUCH $n | grep -o -e 'invalid signal' -e 'status.*'; podman kill $n >/dev/null; podman wait $n`,
		want: "got USR1\ngot HUP\ngot 34\ngot 64\ninvalid signal\nstatus 125\n137"},
	{name: "stop: timeout, and a signal of its own", script: `
		podman run --detach --stop-timeout 2 --name $n --network none $i sh -c 'trap "echo asked" TERM; echo ready; while :; do sleep 1000 & wait $!; done' >/dev/null
		podman run --detach --stop-signal INT --name $n-2 --network none $i sh -c 'trap "exit 9" INT; echo ready; while :; do sleep 0.1; done' >/dev/null
		eventually says podman logs $n ready; eventually says podman logs $n-2 ready
		ask $n .Config.StopTimeout; podman stop $n >/dev/null 2>&1; eventually says podman logs $n asked; podman wait $n
		podman stop --time 1000 $n-2 >/dev/null; podman wait $n-2`,
		want: "2\n137\n9"},
	{name: "pause, unpause, and what can be done meanwhile", script: `
		podman run --detach --name $n --network none --volume $d:/d $i sh -c 'while :; do echo x >>/d/ticks; sleep 0.05; done' >/dev/null
		eventually test -s ticks; podman pause $n >/dev/null; ask $n '.State.Status}} {{.State.Paused'; a=$(wc -l <ticks); sleep 0.3; b=$(wc -l <ticks); echo $((b - a))
		fails podman pause $n | grep -c improper; podman unpause $n >/dev/null; eventually test $(wc -l <ticks) -ge $b; until (($(wc -l <ticks) > b)); do sleep 0.1; done
		podman pause $n >/dev/null; podman kill $n >/dev/null; podman wait $n`,
		want: "paused true\n0\n1\n137"},
	{name: "rm: of a paused and of an initialized container", script: `
		up $n; podman pause $n >/dev/null; fails podman rm $n | grep -o 'status.*'; podman rm --force --time 0 $n >/dev/null
		podman create --name $n-2 --network none $i true >/dev/null; podman init $n-2 >/dev/null; podman rm --force $n-2 >/dev/null
		podman container exists $n || podman container exists $n-2 || echo gone`,
		want: "status 2\ngone"},
	{name: "rename, and ps with filters", script: `
		up $n --label row=$n; podman rename $n $n-new; podman exec $n-new echo in; podman ps --filter label=row=$n --filter status=running --format '{{.Names}} {{.Command}}' | sed s/$n/N/
		podman stop --time 0 $n-new >/dev/null 2>&1; podman ps --all --filter name=$n-new --format '{{.Status}}' | grep -o '^Exited (137)'`,
		want: "in\nN-new sleep 1000\nExited (137)"},
	{name: "prune leaves what runs", script: `
		up $n --label row=$n; podman run --label row=$n --name $n-2 --network none $i true
		podman container prune --force --filter label=row=$n | wc -l; podman ps --all --filter label=row=$n --format '{{.Names}}' | sed s/$n/N/`,
		want: "1\nN"},
	{name: "checkpoint is refused", script: `
		up $n; fails podman container checkpoint $n | grep -o -e criu -e '^status.*' | sort -u; ask $n .State.Status`,
		want: "criu\nstatus 125\nrunning"},
	{name: "update: restart policy and health", script: `
		up $n --restart no --health-cmd true --health-interval disable
		podman update --restart on-failure:4 --health-retries 7 $n >/dev/null
		ask $n '.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}} {{.Config.Healthcheck.Retries'; ask $n .State.Status`,
		want: "on-failure 4 7\nrunning"},
	{name: "events", script: `
		since=$(date +%s.%N); up $n; podman exec $n true; podman pause $n >/dev/null; podman unpause $n >/dev/null; podman kill $n >/dev/null; podman wait $n >/dev/null; podman rm $n >/dev/null
		podman events --stream=false --since $since --filter container=$n --format '{{.Status}}' | sort -u | tr '\n' ' '`,
		want: "cleanup create died exec exec_died init kill pause remove start unpause"},
	{name: "inspect: what podman knows of it", script: `
		up $n --hostname box --env A=b --label l=v --workdir /usr --user user --cap-drop chown --tmpfs /t
		ask $n '.State.Running}} {{.OCIRuntime | len | lt 0}} {{.Config.Hostname}} {{.Config.User}} {{.Config.WorkingDir}} {{.Config.Labels.l}} {{.HostConfig.CapDrop}} {{index .HostConfig.Tmpfs "/t"'
		pid=$(ask $n .State.Pid); tr '\0' ' ' </proc/$pid/cmdline; [[ $(cat $(ask $n .PidFile)) == $pid ]] && echo; grep -q "$(ask $n .State.CgroupPath)" /proc/$pid/cgroup && echo its cgroup`,
		want: "true true box user /usr v [CAP_CHOWN] rw,rprivate,nosuid,nodev,tmpcopyup\nsleep 1000 \nits cgroup"},
	{name: "start: of one that cannot, and again", script: `
		podman create --name $n --network none --volume $d:/d $i /d/program >/dev/null
		fails podman start $n | grep -o -i -e 'no such file or directory' -e 'status.*' | tail -2 | tr N n; printf '#!/bin/sh\necho ran; exit 3\n' >program; chmod +x program
		podman start --attach $n || echo $?; podman start --attach $n || echo $?`,
		want: "no such file or directory\nstatus 125\nran\n3\nran\n3"},
	{name: "run --replace, --rm with a detached one, --cidfile, --pidfile", script: `
		up $n; one=$(ask $n .Id); up $n --replace --cidfile $d/cid --pidfile $d/pid; [[ $(cat cid) != $one ]] && [[ $(cat pid) == $(ask $n .State.Pid) ]] && echo new
		podman run --detach --rm --name $n-2 --network none $i sleep 0.3 >/dev/null; eventually eval "! podman container exists $n-2"; echo gone`,
		want: "new\ngone"},
	{name: "--timeout", script: `
		podman run --timeout 4 --name $n --network none $i sleep 1000 || ask $n .State.ExitCode`,
		want: "-1"},
	{name: "--requires, and --annotation", script: `
		podman create --name $n --network none $i sleep 1000 >/dev/null; podman create --requires $n --annotation a.b=c --name $n-2 --network none $i true >/dev/null
		podman start --attach $n-2; ask $n .State.Status; jq -r '.annotations["a.b"]' "$(ask $n-2 .OCIConfigPath)"`,
		want: "running\nc"},
}
