//go:build linux

package engines

var fileScenarios = []scenario{
	{name: "cp: a file, while it runs", script: `
		up $n
		echo hello >f; podman cp f $n:/tmp/g
		podman exec $n sh -c 'cat /tmp/g; stat -c "%a %u" /tmp/g; echo back >/tmp/h'
		podman cp $n:/tmp/h h; cat h
		fails podman cp $n:/nothing h | grep -o -e 'could not be found' -e 'status.*'`,
		want: "hello\n644 0\nback\ncould not be found\nstatus 125"},
	{name: "cp: a directory, before it runs and after", script: `
		podman create --name $n --network none $i sh -c 'cat /data/sub/f; echo left >/data/sub/g' >/dev/null
		mkdir -p dir/sub; echo in >dir/sub/f; ln -s f dir/sub/l
		podman cp dir $n:/data; podman start --attach $n; podman cp $n:/data/. out
		cat out/sub/g; readlink out/sub/l`,
		want: "in\nleft\nf"},
	{name: "cp: while it is paused", script: `
		up $n; podman pause $n >/dev/null
		echo hello >f; podman cp f $n:/etc/f; ask $n .State.Status; podman unpause $n >/dev/null; podman exec $n cat /etc/f`,
		want: "paused\nhello"},
	{name: "cp: an archive through a pipe", script: `
		up $n
		echo hello >f; tar -c f | podman cp - $n:/tmp; podman cp $n:/tmp/f - | tar -xO`,
		want: "hello"},
	{name: "cp: from one to another, into a volume and a user namespace", script: `
		up $n; up $n-2 --uidmap 0:200000:65536 --volume $n:/v
		podman cp $n:/etc/passwd $n-2:/v/p; podman cp $n:/etc/passwd $n-2:/p
		podman exec $n-2 sh -c 'stat -c "%u %a" /v/p /p; grep -c ^root /v/p /p'`,
		want: "0 644\n0 644\n/v/p:1\n/p:1"},
	{name: "diff", script: `
		podman run --name $n --network none $i sh -c 'echo >/new; rm /home/user -r; echo x >>/etc/passwd'
		podman diff $n | sort`,
		want: "A /new\nC /etc\nC /etc/passwd\nC /home\nD /home/user"},
	{name: "commit: what was committed runs", script: `
		podman run --name $n --network none $i sh -c 'echo made >/made'
		podman commit --quiet --change 'CMD cat /made' --change 'ENV A=b' --change 'USER user' $n $n >/dev/null
		once localhost/$n; once localhost/$n sh -c 'echo $A; id -un'`,
		want: "made\nb\nuser"},
	{name: "commit: while it runs, paused meanwhile", script: `
		up $n; podman exec $n sh -c 'echo made >/made'
		podman commit --quiet --pause $n $n >/dev/null
		ask $n .State.Status; once localhost/$n cat /made`,
		want: "running\nmade"},
	{name: "export, import", script: `
		up $n; podman exec $n sh -c 'echo made >/made'
		podman export $n | podman import --quiet --change CMD=/bin/sh - $n >/dev/null
		once localhost/$n cat /made; once --entrypoint '["ls", "-A", "/proc"]' --volume $d:/proc2 localhost/$n | grep -c -x 1`,
		want: "made\n1"},
	{name: "mount, unmount of a container's root, while it runs", script: `
		up $n; m=$(podman mount $n); echo outside >$m/f; podman exec $n cat /f
		podman exec $n sh -c 'echo inside >/f'; cat $m/f; podman unmount $n >/dev/null; podman exec $n cat /f`,
		want: "outside\ninside\ninside"},
	{name: "--rootfs with an overlay", script: `
		cp -a /usr/share/berth-test/rootfs root
		podman run --rm --network none --rootfs $d/root:O sh -c 'echo new >/etc/new; cat /etc/new'
		podman run --rm --network none --rootfs $d/root sh -c 'ls /etc/new; echo kept >/etc/kept' 2>&1 | grep -o No.*
		cat root/etc/kept`,
		want: "new\nNo such file or directory\nkept"},

	{name: "volume: the image's files are copied into a new one", script: `
		once --volume $n:/etc $i sh -c 'echo kept >/etc/kept'
		once --volume $n:/v:ro $i sh -c 'cat /v/kept; grep -c ^root /v/passwd; touch /v/x 2>&1; true'
		once --volume $n-2:/etc:nocopy $i sh -c 'ls /etc | grep -c passwd' || true`,
		want: "kept\n1\ntouch: /v/x: Read-only file system\n0"},
	{name: "volume: an anonymous one goes with --rm", script: `
		once --name $n --volume /anonymous $i sh -c 'grep -c " /anonymous " /proc/mounts'
		podman run --name $n --network none --volume /anonymous $i true
		v=$(ask $n '(index .Mounts 0).Name'); podman volume exists $v && echo there
		podman rm --volumes $n >/dev/null; podman volume exists $v || echo gone`,
		want: "1\nthere\ngone"},
	{name: "volume: --volumes-from", script: `
		echo of the host >f; up $n --volume $d:/host:ro --volume $n:/v --tmpfs /t
		podman exec $n sh -c 'echo shared >/v/f'
		once --volumes-from $n $i sh -c 'cat /host/f /v/f; touch /host/x 2>&1; grep -c " /t " /proc/mounts; true'`,
		want: "of the host\nshared\ntouch: /host/x: Read-only file system\n0"},
	{name: "volume: of a tmpfs, with options", script: `
		podman volume create --opt type=tmpfs --opt device=tmpfs --opt o=size=2m,mode=0750,nodev $n >/dev/null
		once --volume $n:/v $i sh -c 'grep " /v " /proc/mounts | cut -d" " -f3; stat -c %a /v; df -k /v | tail -1 | tr -s " " | cut -d" " -f2'`,
		want: "tmpfs\n750\n2048"},
	{name: "volume: a part of one, chowned", script: `
		once --volume $n:/v $i sh -c 'mkdir /v/sub; echo part >/v/sub/f'
		once --mount type=volume,source=$n,destination=/p,subpath=/sub $i cat /p/f
		once --user 1234 --volume $n:/v:U $i sh -c 'stat -c %u /v /v/sub/f; touch /v/mine'`,
		want: "part\n1234\n1234"},
	{name: "mount type=image", script: `
		tar -C /usr/share/berth-test/rootfs -c etc | podman import --quiet - localhost/$n >/dev/null # the store that $i is in allows no mounts
		once --mount type=image,source=localhost/$n,destination=/img $i sh -c 'grep -c ^user /img/etc/passwd; touch /img/x 2>&1; true'
		once --mount type=image,source=localhost/$n,destination=/img,rw=true $i sh -c 'echo new >/img/x; cat /img/x'`,
		want: "1\ntouch: /img/x: Read-only file system\nnew"},
	{name: "mount type=tmpfs, ramfs, devpts", script: `
		once --mount type=tmpfs,destination=/t,tmpfs-size=1m,tmpfs-mode=1700,ro=false --mount type=ramfs,destination=/r \
			--mount type=devpts,destination=/p,max=9 $i sh -c 'for m in t r p; do grep " /$m " /proc/mounts | cut -d" " -f3; done; stat -c %a /t; test -c /p/ptmx && echo ptmx'`,
		want: "tmpfs\nramfs\ndevpts\n1700\nptmx"},
	{name: "mount type=bind, with propagation", script: `
		mkdir src; mount -t tmpfs -o size=1m tmpfs src; mount --make-shared src; finally 'umount -R src'
		up $n --mount type=bind,source=$d/src,destination=/m,bind-propagation=rslave --mount type=bind,source=$d/src,destination=/p,bind-propagation=rprivate
		mkdir src/sub; mount -t tmpfs -o size=1m tmpfs src/sub; echo later >src/sub/f
		podman exec $n sh -c 'cat /m/sub/f; ls /p/sub | wc -l; for m in m p; do grep " /$m " /proc/self/mountinfo | grep -c master:; done; true'`,
		want: "later\n0\n1\n0"},
	{name: "mount: ro all the way down, and not all the way", script: `
		mkdir src; mount -t tmpfs -o size=1m tmpfs src; mkdir src/sub; mount -t tmpfs -o size=1m tmpfs src/sub; finally 'umount -R src'
		echo deep >src/sub/f
		once --mount type=bind,source=$d/src,destination=/m,ro=true $i sh -c 'touch /m/x 2>&1; cat /m/sub/f; true'
		once --mount type=bind,source=$d/src,destination=/m,bind-nonrecursive $i sh -c 'ls /m/sub | wc -l'`,
		want: "touch: /m/x: Read-only file system\ndeep\n0"},
	{name: "volumes of the image", script: `
		printf 'FROM %s\nVOLUME /v\nRUN echo built >/v/f\n' $i >Containerfile
		build localhost/$n
		once localhost/$n sh -c 'cat /v/f; grep " /v " /proc/mounts | wc -l'
		once --image-volume tmpfs localhost/$n sh -c 'grep " /v " /proc/mounts | cut -d" " -f3'
		once --image-volume ignore localhost/$n sh -c 'grep " /v " /proc/mounts | wc -l'`,
		want: "built\n1\ntmpfs\n0"},
	{name: "secrets: as a file, with an owner, as a variable", script: `
		echo -n sesame | podman secret create $n - >/dev/null
		once --secret $n --secret $n,target=/etc/s,uid=1234,gid=5,mode=0400 --secret $n,type=env,target=WORD $i \
			sh -c 'cat /run/secrets/'$n'; echo; stat -c "%u %g %a" /etc/s; echo $WORD; grep -c " /run/secrets " /proc/mounts; true'
		podman secret inspect --showsecret --format '{{.SecretData}}' $n`,
		want: "sesame\n1234 5 400\nsesame\n1\nsesame"},
}
