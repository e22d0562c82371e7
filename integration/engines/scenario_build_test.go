//go:build linux

package engines

// buildScenarios use the function build of scenario.sh, which sets limits that this host allows.
var buildScenarios = []scenario{
	{name: "build: RUN, USER, WORKDIR, ENV, ARG, COPY, SHELL", script: `
		echo copied >f; cat >Containerfile <<-E
		FROM $i
		ARG WORD=none
		ENV A=\$WORD
		WORKDIR /made/here
		COPY --chown=1000:50 f .
		RUN echo \$A >a && stat -c '%u %g' f >s && pwd >p
		RUN chmod 777 .
		USER user
		RUN id -un >u
		SHELL ["/bin/sh", "-e", "-c"]
		RUN false || echo shell >sh
		CMD cat a s p u sh f
		E
		build localhost/$n --build-arg WORD=given; once localhost/$n`,
		want: "given\n1000 50\n/made/here\nuser\nshell\ncopied"},
	{name: "build: stages, mounts and secrets of RUN", script: `
		echo sesame >secret; echo bound >f; cat >Containerfile <<-E
		FROM $i AS one
		RUN --mount=type=secret,id=s cat /run/secrets/s >/got
		RUN --mount=type=bind,target=/b cat /b/f >/bound && ! touch /b/x
		RUN --mount=type=tmpfs,target=/t grep -c ' /t tmpfs' /proc/mounts >/tmpfs
		RUN --mount=type=cache,target=/cache echo cached >/cache/f
		RUN --mount=type=cache,target=/cache cp /cache/f /cached
		FROM $i
		COPY --from=one /got /bound /tmpfs /cached /
		CMD cat /got /bound /tmpfs /cached
		E
		build localhost/$n --secret id=s,src=secret; once localhost/$n; { once localhost/$n ls /run/secrets 2>/dev/null || true; } | wc -l`,
		want: "sesame\nbound\n1\ncached\n0"},
	{name: "build: a step that fails, and the cache", script: `
		printf 'FROM %s\nRUN echo %s >/f\nRUN exit 9\n' $i $n >Containerfile
		fails podman build --network none $limits --tag localhost/$n . | grep -o -e 'exit status 9' -e '^status.*' | sort -u
		sed -i 's/exit 9/echo second/' Containerfile; podman build --network none --layers $limits --tag localhost/$n . | grep -c 'Using cache' || true
		podman build --network none --layers $limits --tag localhost/$n . | grep -c 'Using cache'`,
		want: "exit status 9\nstatus 9\n1\n2"},
	{name: "build: capabilities, devices, limits, network, isolation", script: `
		cat >Containerfile <<-E
		FROM $i
		RUN awk '/CapEff/{print \$2}' /proc/self/status >/caps; ls /sys/class/net | tr '\n' ' ' >/net; ulimit -n >/nofile; df -k /dev/shm | tail -1 | awk '{print \$2}' >/shm
		E
		build localhost/$n --cap-drop all --cap-add dac_override --shm-size 3m; once localhost/$n sh -c 'cat /caps /net; echo; cat /nofile /shm'`,
		want: "0000000000000002\nlo\n1024\n3072"},
	{name: "buildah: from, run, copy, config, mount, commit", script: `
		c=$(buildah from $limits --name $n $i); buildah run --runtime $runtime --network none $c -- sh -c 'echo ran >/f'; echo copied >g; buildah copy --quiet $c g /g >/dev/null; cat $(buildah mount $c)/f
		buildah run --runtime $runtime --network none --user user --workingdir /usr --env A=b --volume $d:/v:ro $c -- sh -c 'id -un; pwd; echo $A; cat /v/g; exit 6' 2>/dev/null || echo $?
		buildah config --cmd 'cat /f /g' $c; buildah commit --quiet $c localhost/$n >/dev/null; buildah rm $c >/dev/null; once localhost/$n`,
		want: "ran\nuser\n/usr\nb\ncopied\n6\nran\ncopied"},
}
