//go:build linux

package engines

var podScenarios = []scenario{
	{name: "pod: create, start, pause, stop, restart, rm", script: `
		podman pod create --name $n --share ipc,uts --network none --hostname podhost >/dev/null
		podman create --pod $n --name $n-1 $i sleep 1000 >/dev/null; podman create --pod $n --name $n-2 $i sleep 1000 >/dev/null
		state() { podman pod inspect --format '{{.State}}' $n; }
		podman pod start $n >/dev/null; state; podman exec $n-1 hostname; podman pod pause $n >/dev/null; state; podman pod unpause $n >/dev/null
		podman pod stop --time 0 $n >/dev/null 2>&1; state; podman pod restart $n >/dev/null 2>&1; state
		podman pod kill $n >/dev/null; state; podman pod rm --force --time 0 $n >/dev/null; podman container exists $n-1 || echo gone`,
		want: "Running\npodhost\nPaused\nExited\nRunning\nExited\ngone"},
	{name: "pod: top, stats, ps, logs, inspect", script: `
		podman pod create --name $n --network none >/dev/null
		podman run --detach --pod $n --name $n-1 $i sh -c 'echo one; sleep 1111' >/dev/null; podman run --detach --pod $n --name $n-2 $i sh -c 'echo two; sleep 2222' >/dev/null
		eventually says podman pod logs $n two; eventually says podman pod logs $n one; podman pod top $n args | grep -o '^sleep [0-9]*' | sort
		podman pod stats --no-stream --format '{{.Name}}' $n | sed s/$n/N/ | grep -e '-[12]$' | sort
		podman pod ps --filter name=$n\$ --format '{{.Status}} {{.NumberOfContainers}}'; podman ps --pod --filter pod=$n --format '{{.PodName}}' | sort -u | sed s/$n/N/`,
		want: "sleep 1111\nsleep 2222\nN-1\nN-2\nRunning 3\nN"},
	{name: "pod: shared pid, net and ipc", script: `
		podman pod create --name $n --share pid,net,ipc,uts --network none --shm-size 3m >/dev/null
		podman run --detach --pod $n --name $n-1 $i sh -c 'echo shared >/dev/shm/f; nc -l -p 80 -e echo served & sleep 1111' >/dev/null
		eventually podman exec $n-1 cat /dev/shm/f
		podman run --rm --pod $n $i sh -c 'cat /dev/shm/f; df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2; until nc 127.0.0.1 80; do sleep 0.1; done; ps | grep -q "[s]leep 1111" && echo seen; echo $(($$ > 1))' 2>/dev/null`,
		want: "shared\n3072\nserved\nseen\n1"},
	{name: "pod: init containers run first, once or always", script: `
		podman pod create --name $n --network none >/dev/null
		podman create --pod $n --init-ctr once --name $n-once --volume $d:/d $i sh -c 'echo once >>/d/order' >/dev/null
		podman create --pod $n --init-ctr always --name $n-always --volume $d:/d $i sh -c 'echo always >>/d/order' >/dev/null
		podman create --pod $n --name $n-main --volume $d:/d $i sh -c 'echo main >>/d/order' >/dev/null
		podman pod start $n >/dev/null; podman wait $n-main; podman pod stop --time 0 $n >/dev/null; podman pod start $n >/dev/null; podman wait $n-main; cat order`,
		want: "0\n0\nonce\nalways\nmain\nalways\nmain"},
	{name: "pod: --rm of the only container, exit policy, user namespace", script: `
		podman pod create --name $n --exit-policy stop --network none --userns auto:size=65536 >/dev/null
		podman run --rm --pod $n $i awk '{n += $3} END {print n, ($2 > 0)}' /proc/self/uid_map
		eventually says podman pod inspect --format '{{.State}}' $n Exited; echo exited`,
		want: "65536 1\nexited"},
	{name: "pod: a container that fails leaves the others", script: `
		podman pod create --name $n --network none >/dev/null; podman run --detach --pod $n --name $n-1 $i sleep 1000 >/dev/null
		podman run --pod $n --name $n-2 $i sh -c 'exit 3' || echo $?
		podman run --pod $n --name $n-3 $i nosuchprogram 2>/dev/null || echo $?; ask $n-1 .State.Status; podman pod inspect --format '{{.State}}' $n`,
		want: "3\n127\nrunning\nDegraded"},
	{name: "kube: play, two containers, volumes, environment, down", script: `
		cat >y <<-E
		apiVersion: v1
		kind: ConfigMap
		metadata: {name: $n-map}
		data: {key: from the map}
		---
		apiVersion: v1
		kind: Pod
		metadata: {name: $n, labels: {app: x}}
		spec:
		  hostname: kube
		  restartPolicy: Never
		  initContainers:
		  - {name: init, image: $i, command: [sh, -c, "echo prepared >/data/f"], volumeMounts: [{name: empty, mountPath: /data}]}
		  containers:
		  - name: one
		    image: $i
		    command: [sh, -c]
		    args: ["hostname; cat /data/f /host/y | head -1; echo \$KEY \$PLAIN; id -u; pwd; touch /x 2>&1; sleep 1000"]
		    env: [{name: PLAIN, value: v}, {name: KEY, valueFrom: {configMapKeyRef: {name: $n-map, key: key}}}]
		    workingDir: /usr
		    securityContext: {runAsUser: 1000, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
		    volumeMounts: [{name: empty, mountPath: /data}, {name: host, mountPath: /host, readOnly: true}]
		  - {name: two, image: $i, command: [sleep, "1000"], volumeMounts: [{name: empty, mountPath: /e}]}
		  volumes: [{name: empty, emptyDir: {}}, {name: host, hostPath: {path: $d, type: Directory}}]
		E
		podman kube play --network none y >/dev/null; eventually says podman logs $n-one 'touch'; podman logs $n-one
		podman exec $n-two cat /e/f; podman kube down y >/dev/null; podman pod exists $n || echo gone`,
		want: "kube\nprepared\nfrom the map v\n1000\n/usr\ntouch: /x: Read-only file system\nprepared\ngone"},
	// The probe fails once, and not by the time that something takes: podman ends a container whose
	// probe has not answered in timeoutSeconds, which are 1 by default.
	{name: "kube: probes, and a restart by policy", script: `
		cat >y <<-E
		apiVersion: v1
		kind: Pod
		metadata: {name: $n}
		spec:
		  restartPolicy: Always
		  containers:
		  - name: c
		    image: $i
		    command: [sh, -c, "echo started >>/d/starts; sleep 1000"]
		    livenessProbe: {exec: {command: [sh, -c, "! rm /d/bad"]}, periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 100}
		    volumeMounts: [{name: d, mountPath: /d}]
		  volumes: [{name: d, hostPath: {path: $d}}]
		E
		podman kube play --network none y >/dev/null; eventually test -s starts; touch bad; until (($(wc -l <starts) > 1)); do sleep 0.1; done; eventually podman healthcheck run $n-c; wc -l <starts; podman kube down y >/dev/null`,
		want: "2"},
	{name: "kube: generate, and play what was generated", script: `
		podman pod create --name $n --network none --hostname podhost >/dev/null; podman run --detach --pod $n --name $n-c --env A=value --workdir /usr --user 1000 $i sh -c 'echo $A $(pwd) $(id -u) $(hostname); sleep 1000' >/dev/null
		podman kube generate $n >y; podman pod rm --force --time 0 $n >/dev/null; podman kube play --network none y >/dev/null
		eventually says podman pod logs $n podhost; podman pod logs $n | grep -o "value .*"; podman kube down --force y >/dev/null`,
		want: "value /usr 1000 podhost"},
}
