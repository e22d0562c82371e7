//go:build linux

package engines

// The servers in networkScenarios answer every connection with one word.
var networkScenarios = []scenario{
	{name: "network: two containers find each other by name", script: `
		podman network create $n >/dev/null
		podman run --detach --name $n-server --network $n --network-alias alias $i sh -c 'while :; do nc -l -p 80 -e echo served; done' >/dev/null
		podman run --rm --network $n $i sh -c "until nc -w 5 $n-server 80; do sleep 0.2; done; until nc -w 5 alias 80; do sleep 0.2; done; nslookup nosuchname >/dev/null 2>&1 || echo unknown"`,
		want: "served\nserved\nunknown"},
	{name: "network: address, MAC, hostname and hosts", script: `
		podman network create --subnet 10.98.76.0/24 $n >/dev/null
		podman run --rm --network $n:ip=10.98.76.54,mac=92:d0:c6:0a:29:33,interface_name=net7 --hostname box --add-host other:1.2.3.4 --dns 9.9.9.9 --dns-search example.org $i sh -c '
			ip -o -4 addr show net7 | grep -o "10.98.76.54/24"; cat /sys/class/net/net7/address; ip route | grep -c ^default; hostname; grep -c "10.98.76.54.*box" /etc/hosts; grep -o "1.2.3.4.*other" /etc/hosts; grep -o "search example.org.*" /etc/resolv.conf' | tr '\t' ' '
		podman network rm --force --time 0 $n >/dev/null; podman network exists $n || echo gone`,
		want: "10.98.76.54/24\n92:d0:c6:0a:29:33\n1\nbox\n1\n1.2.3.4 other\nsearch example.org\ngone"},
	{name: "network: connect and disconnect while it runs", script: `
		podman network create $n >/dev/null; podman network create $n-2 >/dev/null; podman run --detach --name $n --network $n $i sleep 1000 >/dev/null
		count() { podman exec $n ls /sys/class/net | grep -c eth; }
		count; podman network connect $n-2 $n; count; ask $n '.NetworkSettings.Networks | len'; podman network disconnect $n $n; count
		podman restart --time 0 $n >/dev/null; count; ask $n '.NetworkSettings.Networks | len'`,
		want: "1\n2\n2\n1\n1\n1"},
	{name: "network: a published port, from another container", script: `
		podman network create $n >/dev/null; podman network create $n-2 >/dev/null
		podman run --detach --name $n --network $n --publish 18080:80 --publish 127.0.0.1::81/udp $i sh -c 'while :; do nc -l -p 80 -e echo served; done' >/dev/null
		podman port $n 80; podman port $n 81/udp | grep -c 127.0.0.1
		gateway=$(podman network inspect --format '{{(index .Subnets 0).Gateway}}' $n)
		until nc -w 5 $gateway 18080 </dev/null 2>/dev/null || podman run --rm --network $n-2 $i nc -w 5 $gateway 18080; do sleep 0.2; done`,
		want: "0.0.0.0:18080\n1\nserved"},
	{name: "network: none, with only lo", script: `
		once --cap-add net_raw $i sh -c 'ls /sys/class/net; ping -c 1 127.0.0.1 | grep -o "1 packets received"; ip route | wc -l'`,
		want: "lo\n1 packets received\n0"},
	{name: "network: the host's, and a namespace by path", script: `
		podman run --rm --network host $i sh -c 'readlink /proc/self/ns/net; hostname' >o; [[ $(head -1 o) == "$(readlink /proc/self/ns/net)" && $(tail -1 o) == "$(hostname)" ]] && echo the same
		ip netns add $n; finally 'ip netns delete $n'; ip -n $n link add berth0 type veth peer berth1
		podman run --rm --network ns:/run/netns/$n $i ls /sys/class/net | sort | tr '\n' ' '`,
		want: "the same\nberth0 berth1 lo"},
	{name: "network: container:ID, and after its restart", script: `
		up $n; podman run --detach --name $n-2 --network container:$n $i sleep 1000 >/dev/null
		same() { [[ $(readlink /proc/$(ask $n .State.Pid)/ns/net) == "$(readlink /proc/$(ask $n-2 .State.Pid)/ns/net)" ]] && echo same; }
		same; podman restart --time 0 $n $n-2 >/dev/null; same`,
		want: "same\nsame"},
	{name: "network: internal, isolated from the others", script: `
		podman network create --internal $n >/dev/null; podman network create --opt isolate=true $n-2 >/dev/null
		podman run --detach --name $n --network $n $i sh -c 'while :; do nc -l -p 80 -e echo served; done' >/dev/null; a=$(ask $n "(index .NetworkSettings.Networks \"$n\").IPAddress")
		podman run --rm --network $n $i sh -c "ip route | grep -c default; until nc -w 5 $a 80; do sleep 0.2; done"
		podman run --rm --network $n-2 $i nc -w 1 $a 80 || echo out of reach`,
		want: "0\nserved\nout of reach"},
	{name: "network: two at once, with --no-hosts and sysctls", script: `
		podman network create $n >/dev/null; podman network create $n-2 >/dev/null
		podman run --rm --network $n --network $n-2 --no-hosts --sysctl net.ipv4.conf.all.forwarding=1 --sysctl net.ipv4.ping_group_range='0 5' $i sh -c '
			ls /sys/class/net | tr "\n" " "; cat /etc/hosts 2>/dev/null | wc -l; cat /proc/sys/net/ipv4/conf/all/forwarding /proc/sys/net/ipv4/ping_group_range' | tr '\t' ' '`,
		want: "eth0 eth1 lo 0\n1\n0 5"},
}
