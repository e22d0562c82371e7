//go:build linux

package engines

var attributeScenarios = []scenario{
	{name: "--tz, --entrypoint, --env-file", script: `
		printf 'A=from the file\nB\n' >env; export B=inherited
		once --tz America/New_York --entrypoint '["sh","-c"]' --workdir /home --env-file env $i 'date +%Z | grep -c E.T; pwd; echo $A, $B'
		once --entrypoint '' $i echo plain; once --http-proxy=false --env-host $i sh -c 'echo $B'`,
		want: "1\n/home\nfrom the file, inherited\nplain\ninherited"},
	{name: "--passwd, --passwd-entry, --group-entry, --user with groups", script: `
		once --user 4242:77 --passwd-entry 'made:x:$UID:$GID:of podman:/srv:/bin/sh' --group-add 88 --group-add staff $i sh -c 'id -un; id -G; grep -c ^made: /etc/passwd; echo $HOME'
		once --user 4242 --passwd=false $i sh -c 'grep -c 4242 /etc/passwd; id -u' || true
		once --hostuser daemon --user daemon $i id -un`,
		want: "made\n77 50 88\n1\n/srv\n0\n4242\ndaemon"},
	{name: "--umask, --oom-score-adj, --ulimit, --personality", script: `
		once --umask 0077 --oom-score-adj 321 --ulimit nofile=64:128 --ulimit core=-1:-1 --ulimit stack=1048576 $i sh -c 'touch /f; stat -c %a /f; cat /proc/self/oom_score_adj; ulimit -n; ulimit -Hn; ulimit -s'
		once --ulimit host $i sh -c 'ulimit -n' | grep -c -x $(ulimit -n); once --personality LINUX32 $i uname -m`,
		want: "600\n321\n64\n128\n1024\n1\ni686"},
	{name: "--cap-add and --cap-drop, of users and in exec", script: `
		caps() { awk '/Cap(Prm|Bnd|Amb)/{printf "%s ", $2}'; echo; }
		once --cap-drop all --cap-add sys_time,CAP_CHOWN $i cat /proc/self/status | caps; once --user 1 --cap-add chown $i cat /proc/self/status | caps
		up $n --user 1 --cap-drop all --cap-add kill; podman exec $n cat /proc/self/status | caps; podman exec --user 0 $n cat /proc/self/status | caps`,
		want: `0000000002000001 0000000002000001 0000000000000000
0000000000000001 00000000800405fb 0000000000000001
0000000000000020 0000000000000020 0000000000000020
0000000000000020 0000000000000020 0000000000000000`},
	{name: "--security-opt mask, unmask, proc-opts, systempaths", script: `
		once --security-opt mask=/proc/meminfo:/usr $i sh -c 'cat /proc/meminfo | wc -c; ls /usr | wc -l'
		once --security-opt unmask=ALL $i sh -c 'grep -c -E " /(proc|sys)/.* (ro,|tmpfs)" /proc/mounts; echo done'
		once --security-opt proc-opts=hidepid=2 $i sh -c 'grep " /proc " /proc/mounts | grep -o "hidepid=[a-z0-9]*"'
		once $i sh -c 'for p in kcore keys timer_list scsi; do test -e /proc/$p && head -c 1 /proc/$p 2>/dev/null | wc -c; done | sort -u'`,
		want: "0\n0\n0\ndone\nhidepid=invisible\n0"},
	{name: "--security-opt seccomp: unconfined, and a profile of one's own", script: `
		echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":95},{"names":["chmod","fchmodat"],"action":"SCMP_ACT_ERRNO"}]}' >p
		once --security-opt seccomp=$d/p $i sh -c 'mkdir /x 2>&1; chmod 1 /etc 2>&1; grep ^Seccomp: /proc/self/status' | tr '\t' ' '
		once --security-opt seccomp=unconfined $i sh -c 'mkdir /x && grep ^Seccomp: /proc/self/status' | tr '\t' ' '; up $n --security-opt seccomp=$d/p; fails podman exec $n mkdir /x`,
		want: "mkdir: can't create directory '/x': Operation not supported\nchmod: /etc: Operation not permitted\nSeccomp: 2\nSeccomp: 0\nmkdir: can't create directory '/x': Operation not supported\nstatus 1"},
	{name: "--security-opt no-new-privileges, and setuid programs without it", script: `
		cp /usr/bin/id .; printf 'FROM %s\nCOPY --chmod=4755 id /id\n' $i >Containerfile; build localhost/$n; libc="--volume /usr/lib:/lib:ro --volume /usr/lib64:/lib64:ro"
		once $libc --user 1000 localhost/$n /id -u; once $libc --user 1000 --security-opt no-new-privileges localhost/$n sh -c '/id -u; grep NoNewPrivs /proc/self/status' | tr '\t' ' '`,
		want: "0\n1000\nNoNewPrivs: 1"},
	{name: "--privileged", script: `
		once --privileged $i sh -c 'ls /dev | grep -c -x -e loop-control -e fuse; grep -c " /proc/sys proc ro" /proc/mounts; mount -t tmpfs x /mnt 2>/dev/null || mkdir /mnt && mount -t tmpfs x /mnt && echo mounted; grep ^Seccomp: /proc/self/status' | tr '\t' ' '
		once --privileged --user 1000 $i sh -c 'awk "/CapEff/{print \$2}" /proc/self/status'`,
		want: "2\n0\nmounted\nSeccomp: 0\n0000000000000000"},
	{name: "--device: permissions, a directory, a rule", script: `
		mkdir dev; mknod dev/sub c 1 7
		once --device /dev/fuse:/dev/f:r $i sh -c 'exec 3</dev/f && echo opened; (echo x >/dev/f) 2>&1; true'
		once --device $d/dev/sub:/dev/full2 $i sh -c '(echo x >/dev/full2) 2>&1; true'; once --device-cgroup-rule 'c 10:229 rm' --cap-add mknod $i sh -c 'mknod /f c 10 229; exec 3</f && echo opened'`,
		want: "opened\nsh: can't create /dev/f: Operation not permitted\nsh: write error: No space left on device\nopened"},
	{name: "--sysctl, one that is not there, and one of the host's", script: `
		once --sysctl net.ipv4.ip_default_ttl=33 --sysctl net.ipv6.conf.all.forwarding=1 $i cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/net/ipv6/conf/all/forwarding
		fails once --sysctl net.nosuch=1 $i true | grep -o -i -e 'no such file or directory' -e '^status.*' | tr N n; fails $program run --rm --sysctl net.ipv4.ip_forward=1 --network host $i true | tail -1; cat /proc/sys/net/ipv4/ip_default_ttl`,
		want: "33\n1\nno such file or directory\nstatus 127\nstatus 125\n64"},
	{name: "--read-only: what can be written", script: `
		once --read-only --volume $d:/v --tmpfs /scratch $i sh -c 'for f in /x /etc/x /tmp/x /run/x /var/tmp/x /dev/shm/x /dev/x /v/x /scratch/x; do (echo >$f) 2>/dev/null && echo -n "$f "; done; echo'
		once --read-only --read-only-tmpfs=false $i sh -c 'for f in /tmp/x /run/x /dev/shm/x; do (echo >$f) 2>/dev/null && echo -n "$f "; done; echo end'`,
		want: "/tmp/x /run/x /var/tmp/x /dev/shm/x /dev/x /v/x /scratch/x\nend"},
	{name: "--hostname, --add-host, --domainname, /etc files", script: `
		once --hostname box.example.org --add-host one:1.1.1.1 --add-host two:2.2.2.2 $i sh -c 'hostname; cat /etc/hostname; grep -c box /etc/hosts; grep -o -e "1.1.1.1.*one" -e "2.2.2.2.*two" /etc/hosts; test -e /run/.containerenv && echo containerenv; echo $container' | tr '\t' ' '
		once --no-hostname --no-hosts $i sh -c 'cat /etc/hostname /etc/hosts 2>/dev/null | wc -c'`,
		want: "box.example.org\nbox.example.org\n1\n1.1.1.1 one\n2.2.2.2 two\ncontainerenv\npodman\n0"},
	{name: "--preserve-fds", script: `
		echo three >3; once --preserve-fds 1 $i sh -c 'cat <&3; ls /proc/self/fd | wc -l' 3<3`,
		want: "three\n5"},
	// podman asks the runtime to pass on three descriptors, two of which it has closed. Only crun
	// accepts that. runc and berth require all three to be open.
	{name: "--preserve-fd", script: `
		echo five >5; once --preserve-fd 5 $i sh -c 'cat <&5; test -e /proc/self/fd/3 || echo no 3' 5<5`,
		want:    "five\nno 3",
		refused: refusal{"berth-lxc": "descriptor 3 of --preserve-fds or LISTEN_FDS is not open", "berth-pct": "descriptor 3 of --preserve-fds or LISTEN_FDS is not open"}},
	{name: "--runtime-flag, --log-level debug", script: `
		podman --runtime-flag debug --log-level debug run --rm --network none $i echo in 2>e; grep -c level=debug e | awk '{print ($1 > 9)}'`,
		want: "in\n1"},
	{name: "hooks of OCI hooks.d run in order", script: `
		mkdir hooks; for s in createRuntime createContainer startContainer poststart poststop; do
			jq -n --arg s $s --arg c "grep -q ociVersion && echo $s >>$d/ran" '{version: "1.0.0", hook: {path: "/bin/sh", args: ["sh", "-c", $c]}, when: {always: true}, stages: [$s]}' >hooks/$s.json
		done
		podman --hooks-dir $d/hooks run --name $n --network none --volume $d:$d $i sh -c 'until grep -q poststart '$d'/ran; do sleep 0.1; done'; podman rm $n >/dev/null; head -2 ran; tail -1 ran; sort ran`,
		want: "createRuntime\ncreateContainer\npoststop\ncreateContainer\ncreateRuntime\npoststart\npoststop\nstartContainer"},
}
