//go:build linux

package engines

var dockerScenarios = []scenario{
	{name: "run: exit status, environment, user, directory, hostname", script: `
		docker run --rm --env A=b --user user --workdir /usr --hostname box $i sh -c 'echo $A $(id -un) $(pwd) $(hostname); echo err >&2; exit 7' 2>e || echo $?; grep err e
		docker run --rm $i nosuchprogram 2>/dev/null || echo $?; docker run --rm $i /etc/passwd 2>/dev/null || echo $?
		docker run --rm --entrypoint echo $i from the entrypoint; echo in | docker run --rm -i $i cat; docker run --rm --name $n $i true; docker inspect $n >/dev/null 2>&1 || echo gone`,
		want: "b user /usr box\n7\nerr\n127\n126\nfrom the entrypoint\nin\ngone"},
	{name: "run -it: a terminal", script: `
		expect -c "set timeout 60; spawn -noecho docker run --rm -it $i sh -c {test -t 0 && test -t 1 && tty; stty size; read a; echo got \$a; exit 5}; expect /dev/pts/0; send typed\r; expect {got typed}; expect eof; exit [lindex [wait] 3]" >o || echo $?
		grep -o 'got.*' o | tr -d '\r'; docker run --rm -t $i sh -c 'test -c /dev/console && test -t 1 && echo terminal' | tr -d '\r'`,
		want: "5\ngot typed\nterminal"},
	{name: "exec: user, environment, exit status, stdin, detached", script: `
		up $n --env A=1
		docker exec --user user --workdir /usr --env B=2 $n sh -c 'echo $(id -un) $(pwd) $A $B'; docker exec $n sh -c 'exit 7' || echo $?; docker exec $n nosuchprogram >/dev/null 2>&1 || echo $?
		seq 1000 | docker exec -i $n wc -l; docker exec --detach $n sh -c 'echo ran >/ran'; eventually docker exec $n grep ran /ran; docker exec $n cat /ran
		docker exec --privileged $n awk '/CapEff/{print length($2)}' /proc/self/status; docker kill $n >/dev/null; docker wait $n; docker exec $n true 2>/dev/null || echo $?`,
		want: "user /usr 1 2\n7\n126\n1000\nran\n16\n137\n1"},
	{name: "exec -it: a terminal of its own", script: `
		up $n; expect -c "set timeout 60; spawn -noecho docker exec -it $n sh -c {tty; read a; echo got \$a; exit 5}; expect /dev/pts; send typed\r; expect {got typed}; expect eof; exit [lindex [wait] 3]" >o || echo $?
		grep -o 'got.*' o | tr -d '\r'`,
		want: "5\ngot typed"},
	{name: "logs: -f, --tail, -t, apart", script: `
		docker run --detach --name $n --network none $i sh -c 'echo 1; echo 2 >&2; until test -e /go; do sleep 0.1; done; echo last' >/dev/null
		eventually says docker logs $n 2; docker logs $n 2>/dev/null; docker logs $n 2>&1 >/dev/null; docker logs --tail 1 $n 2>&1 | wc -l; docker logs -t $n 2>/dev/null | grep -c -E '^[0-9-]+T[0-9:.]+Z 1$'
		docker logs -f $n >o 2>/dev/null & docker exec $n touch /go; wait $!; tail -1 o`,
		want: "1\n2\n1\n1\nlast"},
	{name: "stop, kill, restart, start, rm", script: `
		docker run --detach --name $n --network none --volume $d:/d $i sh -c 'trap "exit 6" TERM; trap "echo got" USR1; echo x >>/d/starts; echo ready; while :; do sleep 0.1; done' >/dev/null
		eventually test -s starts; eventually says docker logs $n ready; until says docker logs $n got; do docker kill --signal USR1 $n >/dev/null; sleep 0.2; done
		docker stop --time 30 $n >/dev/null; docker wait $n; docker start $n >/dev/null; until (($(wc -l <starts) == 2)); do sleep 0.1; done
		docker restart --time 0 $n >/dev/null; until (($(wc -l <starts) == 3)); do sleep 0.1; done; ask $n .State.Status
		docker kill $n >/dev/null; docker wait $n; docker rm $n >/dev/null; up $n; docker rm --force $n >/dev/null; docker inspect $n >/dev/null 2>&1 || echo gone`,
		want: "6\nrunning\n137\ngone"},
	{name: "stop: SIGKILL after the timeout, a stop signal", script: `
		docker run --detach --name $n --network none $i sh -c 'trap "" TERM; echo ready; while :; do sleep 0.1; done' >/dev/null; docker run --detach --stop-signal USR1 --name $n-2 --network none $i sh -c 'trap "exit 9" USR1; echo ready; while :; do sleep 0.1; done' >/dev/null
		eventually says docker logs $n ready; eventually says docker logs $n-2 ready; docker stop --time 1 $n >/dev/null; docker wait $n; docker stop --time 30 $n-2 >/dev/null; docker wait $n-2`,
		want: "137\n9"},
	{name: "cp: in and out, running and stopped", script: `
		up $n; echo hello >f; mkdir dir; echo deep >dir/f; docker cp --quiet f $n:/tmp/g; docker cp --quiet dir $n:/dir; docker exec $n cat /tmp/g /dir/f; docker exec $n sh -c 'echo back >/tmp/h'
		docker cp --quiet $n:/tmp/h h; cat h; docker kill $n >/dev/null; docker cp --quiet $n:/dir out; cat out/f; tar -c f | docker cp - $n:/etc; docker cp $n:/etc/f - | tar -xO`,
		want: "hello\ndeep\nback\ndeep\nhello"},
	{name: "inspect: the pid is the container's first process", script: `
		up $n; pid=$(ask $n .State.Pid); tr '\0' ' ' </proc/$pid/cmdline; echo; awk '/^NSpid/{print $NF}' /proc/$pid/status; grep -c -e docker -e lxc /proc/$pid/cgroup
		awk '/^PPid/{print $2}' /proc/$pid/status | xargs -I{} cat /proc/{}/comm; ask $n .HostConfig.Runtime | grep -c -x "${runtime##*/}"`,
		want: "sleep 1000 \n1\n1\ncontainerd-shim\n1"},
	{name: "bridge: a real address, and ping between containers", script: `
		docker run --detach --name $n $i sleep 1000 >/dev/null; a=$(ask $n .NetworkSettings.IPAddress); docker exec $n ip -o -4 addr show eth0 | grep -c "$a/16"
		docker run --rm $i sh -c "ping -c 1 -W 5 $a | grep -o '1 packets received'; ip route | grep -c '^default via 172'; ls /sys/class/net | tr '\n' ' '; grep -c . /etc/resolv.conf | awk '{print (\$1 > 0)}'"; ping -c 1 -W 5 $a >/dev/null 2>&1 || nc -z -w 5 $a 1 2>/dev/null || echo reachable from the host by route`,
		want: "1\n1 packets received\n1\neth0 lo 1\nreachable from the host by route"},
	{name: "network: two on one of their own, by name and alias", script: `
		docker network create $n >/dev/null; docker run --detach --name $n-server --network $n --network-alias alias $i sh -c 'mkdir /www; echo served >/www/index.html; exec httpd -f -h /www' >/dev/null
		docker run --rm --network $n $i sh -c "until wget -q -T 5 -O - http://$n-server/; do sleep 0.2; done; until wget -q -T 5 -O - http://alias/; do sleep 0.2; done; grep -o 127.0.0.11 /etc/resolv.conf; nslookup nosuchname >/dev/null 2>&1 || echo unknown"`,
		want: "served\nserved\n127.0.0.11\nunknown"},
	{name: "network: a published port, from the host", script: `
		docker run --detach --name $n --publish 127.0.0.1::80 $i sh -c 'mkdir /www; echo served >/www/index.html; exec httpd -f -h /www' >/dev/null; port=$(docker port $n 80 | sed 's/.*://')
		until printf 'GET / HTTP/1.0\r\n\r\n' | socat -t 5 - TCP:127.0.0.1:$port | grep served; do sleep 0.2; done`,
		want: "served"},
	{name: "network: connect and disconnect while it runs, --ip, MAC", script: `
		docker network create --subnet 10.97.$((RANDOM % 250)).0/24 $n >/dev/null; up $n-none; docker run --detach --name $n $i sleep 1000 >/dev/null; count() { docker exec $n ls /sys/class/net | grep -c eth; }
		count; docker network connect $n $n; count; docker network disconnect bridge $n; count; docker restart --time 0 $n >/dev/null; count
		docker run --rm --mac-address 92:d0:c6:0a:29:33 $i cat /sys/class/net/eth0/address`,
		want: "1\n2\n1\n1\n92:d0:c6:0a:29:33"},
	{name: "network: none, host, and another container's", script: `
		docker run --rm --network none $i ls /sys/class/net; docker run --rm --network host $i readlink /proc/self/ns/net | grep -c -F "$(readlink /proc/self/ns/net)"
		docker run --detach --name $n $i sh -c 'while :; do nc -l -p 80 -e echo served; done' >/dev/null; docker run --rm --network container:$n $i sh -c 'until nc 127.0.0.1 80; do sleep 0.2; done'`,
		want: "lo\n1\nserved"},
	{name: "namespaces: --pid and --ipc of another's and the host's", script: `
		up $n --ipc shareable; up $n-2 --pid container:$n --ipc container:$n; for s in pid ipc mnt; do [[ $(readlink /proc/$(ask $n .State.Pid)/ns/$s) == "$(readlink /proc/$(ask $n-2 .State.Pid)/ns/$s)" ]] && echo $s; done
		docker run --rm --network none --pid host $i cat /proc/1/comm; docker run --rm --network none --uts host $i hostname | grep -c -x $(hostname); docker kill $n >/dev/null; docker wait $n-2`,
		want: "pid\nipc\nsystemd\n1\n137"},
	{name: "health: passes and fails", script: `
		docker run --detach --name $n --network none --health-cmd 'test ! -e /bad' --health-interval 1s --health-retries 1 $i sleep 1000 >/dev/null
		eventually says ask $n .State.Health.Status healthy; docker exec $n touch /bad; eventually says ask $n .State.Health.Status unhealthy; docker ps --filter health=unhealthy --format '{{.Names}}' | grep -c -x $n`,
		want: "1"},
	{name: "pause, unpause, and what can be done meanwhile", script: `
		docker run --detach --name $n --network none --volume $d:/d $i sh -c 'while :; do echo x >>/d/ticks; sleep 0.05; done' >/dev/null
		eventually test -s ticks; docker pause $n >/dev/null; ask $n .State.Status; a=$(wc -l <ticks); sleep 0.3; echo $(($(wc -l <ticks) - a)); docker exec $n true 2>/dev/null || echo $?
		docker unpause $n >/dev/null; until (($(wc -l <ticks) > a)); do sleep 0.1; done; docker pause $n >/dev/null; docker rm --force $n >/dev/null; docker inspect $n >/dev/null 2>&1 || echo gone`,
		want: "paused\n0\n1\ngone"},
	{name: "top, stats", script: `
		docker run --detach --name $n --network none $i sh -c 'sleep 1234; true' >/dev/null; eventually says docker top $n 'sleep 1234'; docker top $n -o pid,args | unseen | grep -c 'sleep 1234'; [[ $(docker top $n -o pid | sed -n 2p) == *$(ask $n .State.Pid) ]] && echo its pid
		docker stats --no-stream --format '{{.Name}}' $n | sed s/$n/N/`,
		want: "2\nits pid\nN"},
	{name: "restart policies", script: `
		docker run --detach --restart on-failure:2 --name $n --network none --volume $d:/d $i sh -c 'echo ran >>/d/ran; exit 3' >/dev/null; eventually says ask $n '.RestartCount}} {{.State.Status' '2 exited'; wc -l <ran; ask $n .State.ExitCode
		docker update --restart always $n >/dev/null; ask $n .HostConfig.RestartPolicy.Name; docker rm --force $n >/dev/null`,
		want: "3\n3\nalways"},
	{name: "attach: stdin, keys that detach", script: `
		docker run --detach -it --name $n --network none $i sh -c 'while read a; do echo got $a; done' >/dev/null
		expect -c "spawn -noecho docker attach --detach-keys=ctrl-e,x $n; $detach" >/dev/null; ask $n .State.Status; docker logs $n | grep -m 1 -o 'got one'`,
		want: "running\ngot one"},
	{name: "wait, events, rename, diff, commit, export", script: `
		docker run --detach --name $n --network none $i sh -c 'sleep 0.5; echo made >/made; exit 5' >/dev/null; docker wait $n; docker rename $n $n-new; docker diff $n-new; docker commit $n-new $n >/dev/null; docker run --rm --network none $n cat /made
		docker export --output e $n-new; tar -xOf e made; docker events --since 10m --until 0s --filter container=$n --filter event=die --format '{{.Action}} {{.Actor.Attributes.exitCode}}'`,
		want: "5\nA /made\nmade\nmade\ndie 5"},
	{name: "volumes: new, read-only, another's, tmpfs", script: `
		docker run --rm --network none --volume $n:/etc $i sh -c 'echo kept >/etc/kept'; docker run --rm --network none --volume $n:/v:ro $i sh -c 'cat /v/kept; grep -c ^root /v/passwd; touch /v/x 2>&1; true'
		up $n --volume $n:/v --mount type=tmpfs,destination=/t,tmpfs-size=1m,tmpfs-mode=1700 --mount type=bind,source=$d,destination=/b,bind-propagation=rslave; docker exec $n sh -c 'stat -c %a /t; echo bound >/b/f'; cat f
		up $n-from --volume $n:/v; docker run --rm --network none --volumes-from $n-from:ro $i sh -c 'cat /v/kept; touch /v/x 2>&1; true'; docker run --rm --network none --volume $n-2:/etc:nocopy $i sh -c 'ls /etc | grep -c passwd; true'`,
		want: "kept\n1\ntouch: /v/x: Read-only file system\n1700\nbound\nkept\ntouch: /v/x: Read-only file system\n0"},
	{name: "attributes: capabilities, seccomp, read-only, limits, sysctl, device, init", script: `
		docker run --rm --network none --cap-drop all --cap-add chown $i awk '/CapEff/{print $2}' /proc/self/status; docker run --rm --network none --security-opt no-new-privileges --security-opt seccomp=unconfined $i sh -c 'grep -e NoNewPrivs -e ^Seccomp: /proc/self/status' | tr '\t' ' '
		docker run --rm --network none --read-only --tmpfs /t $i sh -c 'echo x >/t/f; touch /x 2>&1; true'; docker run --rm --network none --ulimit nofile=64:128 --shm-size 2m --oom-score-adj 321 $i sh -c 'ulimit -n; df -k /dev/shm | tail -1 | awk "{print \$2}"; cat /proc/self/oom_score_adj'
		docker run --rm --sysctl net.ipv4.ip_default_ttl=33 $i cat /proc/sys/net/ipv4/ip_default_ttl; docker run --rm --network none --device /dev/fuse:/dev/f:r $i sh -c 'exec 3</dev/f && echo opened; (echo x >/dev/f) 2>&1; true'
		docker run --rm --network none --init $i cat /proc/1/comm; docker run --rm --network none --privileged $i sh -c 'mkdir /m; mount -t tmpfs x /m && echo mounted'; docker run --rm --network none $i grep ^Seccomp: /proc/self/status | tr '\t' ' '`,
		want: `0000000000000001
NoNewPrivs: 1
Seccomp: 0
touch: /x: Read-only file system
64
2048
321
33
opened
sh: can't create /dev/f: Operation not permitted
docker-init
mounted
Seccomp: 2`},
	{name: "build: RUN, USER, WORKDIR, stages, without a network", script: `
		echo copied >f; printf '%s\n' "FROM $i AS one" 'RUN echo built >/built; id -u >/uid' "FROM $i" 'ENV A=b' 'WORKDIR /made' 'COPY --from=one /built /uid ./' 'COPY f .' 'RUN chmod 777 . && ls /sys/class/net >net' 'USER user' 'RUN id -un >user; echo $A >a' 'CMD cat built uid f net user a' >Dockerfile
		docker build --quiet --network none --tag $n . >/dev/null 2>&1; docker run --rm --network none $n; docker build --network none --tag $n . 2>/dev/null | grep -c 'Using cache'
		printf '%s\n' "FROM $i" 'RUN exit 9' >Dockerfile; { docker build --force-rm --network none . 2>&1 || true; } | grep -o 'non-zero code: 9'`,
		want: "built\n0\ncopied\nlo\nuser\nb\n9\nnon-zero code: 9"},
}
