//go:build linux

package engines

var systemScenarios = []scenario{
	// The container's root is the test host's own system, below an overlay.
	{name: "systemd: boots, runs units, stops by its own signal", script: `
		podman run --detach --name $n --network none --systemd always --hostname inner --rootfs /:O /lib/systemd/systemd systemd.unit=basic.target systemd.mask=systemd-remount-fs.service >/dev/null
		eventually says podman exec $n systemctl is-system-running running
		podman exec $n systemd-run --quiet --wait --pipe --unit made sh -c 'hostname; grep ^0:: /proc/self/cgroup'
		podman exec $n journalctl --quiet --unit made --output cat | grep -c . | awk '{print ($1 > 0)}'; ask $n .Config.StopSignal
		podman stop --time 1000 $n >/dev/null; podman wait $n`,
		want: "inner\n0::/system.slice/made.service\n1\nSIGRTMIN+3\n0"},
	{name: "quadlet: a unit of systemd's, with conmon's and the container's notification", script: `
		finally 'rm -f /run/containers/systemd/$n.container; systemctl daemon-reload'; mkdir -p /run/containers/systemd
		for notify in false true; do
			cat >/run/containers/systemd/$n.container <<-E
			[Container]
			ContainerName=$n
			Image=$i
			Network=none
			Notify=$notify
			GlobalArgs=--runtime $runtime
			Volume=/usr/bin/systemd-notify:/usr/bin/systemd-notify:ro
			Volume=/usr/lib:/usr/lib:ro
			Volume=/usr/lib64:/lib64:ro
			Volume=/usr/lib:/lib:ro
			Exec=sh -c "test $notify = false || /usr/bin/systemd-notify --ready --status=said; trap 'exit 0' TERM; while :; do sleep 0.1; done"
			E
			systemctl daemon-reload; systemctl start $n; systemctl is-active $n; systemctl show --property StatusText --value $n | sed 's/^$/nothing/'; podman exec $n echo in
			[[ $(systemctl show --property MainPID --value $n) == $(ask $n .State.ConmonPid) ]] && echo conmon
			systemctl restart $n; systemctl stop $n; systemctl show --property Result --value $n; podman container exists $n || echo gone
		done`,
		want: `active
nothing
in
conmon
success
gone
active
said
in
conmon
success
gone`},
	{name: "--sdnotify: container, conmon, healthy, ignore", script: `
		for how in conmon ignore; do
			systemd-run --quiet --wait --pipe --service-type=exec --property=NotifyAccess=all --setenv=PATH="$PATH" podman run --rm --sdnotify $how --network none $i sh -c 'echo ${NOTIFY_SOCKET:-none}'
		done
		socat -u UNIX-RECVFROM:$d/s,fork STDOUT >got & eventually test -S s
		NOTIFY_SOCKET=$d/s podman run --rm --sdnotify container --network none $i sh -c 'test -S $NOTIFY_SOCKET && echo socket'; eventually grep MAINPID got; grep -c MAINPID got
		NOTIFY_SOCKET=$d/s podman run --detach --name $n --sdnotify healthy --health-cmd true --health-interval 1s --network none $i sleep 1000 >/dev/null; eventually grep READY=1 got; grep -c READY=1 got`,
		want: "none\nnone\nsocket\n1\n1"},
	{name: "socket activation: LISTEN_FDS reaches the container", script: `
		systemd-socket-activate --listen $d/s --setenv PATH="$PATH" podman run --rm --network none --name $n $i sh -c 'echo $LISTEN_FDS $LISTEN_PID; ls -l /proc/self/fd/3 | grep -c socket' >o 2>/dev/null &
		eventually test -S s; socat -u UNIX-CONNECT:$d/s /dev/null & wait %1; cat o`,
		want: "1 1\n1"},
	{name: "run in a scope and in a service of systemd's", script: `
		systemd-run --quiet --scope --unit $n podman run --detach --name $n --network none $i sleep 1000 >/dev/null; podman exec $n echo in; ask $n .State.Status
		systemd-run --quiet --wait --pipe --setenv=PATH="$PATH" podman run --rm --network none $i sh -c 'echo in a service; exit 5' || echo $?`,
		want: "in\nrunning\nin a service\n5"},
	{name: "generated units: a service that restarts its container", script: `
		up $n; podman generate systemd --new --name $n 2>/dev/null >$n.service; grep -c "ExecStart=.*podman" $n.service; podman rm --force --time 0 $n >/dev/null
		sed -i "s|/usr/bin/podman|$(command -v podman)|" $n.service; cp $n.service /run/systemd/system/; finally 'rm -f /run/systemd/system/$n.service; systemctl daemon-reload'
		systemctl daemon-reload; systemctl start $n; one=$(ask $n .Id); podman kill $n >/dev/null; until two=$(ask $n .Id 2>/dev/null) && [[ $one != $two ]]; do sleep 0.2; done; echo restarted; eventually systemctl is-active $n; systemctl stop $n; systemctl reset-failed $n 2>/dev/null || true`,
		want: "1\nrestarted"},
	{name: "the API: a container made and run over podman's socket", script: `
		podman system service --time 0 unix://$d/s & eventually test -S s
		remote() { $program --url unix://$d/s "$@"; }
		remote run --rm --network none --env A=b $i sh -c 'echo over the socket $A; exit 4' || echo $?
		remote run --detach --name $n --network none $i sleep 1000 >/dev/null; remote top $n comm | unseen | tail -1
		remote kill $n >/dev/null; remote wait $n; remote rm $n >/dev/null; remote container exists $n || echo gone`,
		want: "over the socket b\n4\nsleep\n137\ngone"},
}
