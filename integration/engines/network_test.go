//go:build linux

package engines

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

var networkTests = []test[*podman]{
	{"bridge: the container reaches the host", func(t *testing.T, p *podman) {
		port := serve(t, "hello from the host")
		got := p.must("run", "--rm", "--name", p.name(), image, "sh", "-c",
			fmt.Sprintf("nc $(ip route | sed -n 's/^default via \\([^ ]*\\).*/\\1/p') %d", port))
		if got != "hello from the host" {
			t.Errorf("%q", got)
		}
	}},
	{"bridge: a container reaches another", func(t *testing.T, p *podman) {
		id := p.detached(image, "sh", "-c", "echo ready; while :; do nc -l -p 9000 -e echo hello from the container; done")
		p.logs(id, "ready")
		address := p.ask(id, ".NetworkSettings.IPAddress")
		eventually(t, "an answer", func() bool {
			return p.run("run", "--rm", "--name", p.name(), image, "nc", address, "9000").stdout == "hello from the container\n"
		})
	}},
	{"bridge: the host reaches the container", func(t *testing.T, p *podman) {
		id := p.detached(image, "sh", "-c", "while :; do nc -l -p 9000 -e echo hello from the container; done")
		eventually(t, "an answer", func() bool {
			return dial(p.ask(id, ".NetworkSettings.IPAddress")+":9000") == "hello from the container\n"
		})
	}},
	{"bridge: a published port", func(t *testing.T, p *podman) {
		id := p.detached("-p", "127.0.0.1::9000", image, "sh", "-c", "while :; do nc -l -p 9000 -e echo hello from the container; done")
		address := p.must("port", id, "9000")
		// Connecting needs another host: the firewall forwards localhost only if the kernel routes
		// 127.0.0.0/8.
		if !strings.HasPrefix(address, "127.0.0.1:") {
			t.Errorf("%q", address)
		}
	}},
	{"network host: a server on the host's loopback", func(t *testing.T, p *podman) {
		port := serve(t, "hello from the host")
		got := p.must("run", "--rm", "--name", p.name(), "--network", "host", image, "nc", "127.0.0.1", fmt.Sprint(port))
		if got != "hello from the host" {
			t.Errorf("%q", got)
		}
	}},
	{"network none: the host is out of reach", func(t *testing.T, p *podman) {
		port := serve(t, "hello from the host")
		r := p.run("run", "--rm", "--name", p.name(), "--network", "none", image, "nc", "127.0.0.1", fmt.Sprint(port))
		if r.status == 0 {
			t.Errorf("%q", r.stdout)
		}
	}},
}

// serve answers every connection to a port of the host with a text, and returns the port.
func serve(t *testing.T, text string) int {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, text)
			c.Close()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func dial(address string) string {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return ""
	}
	defer c.Close()
	data, _ := io.ReadAll(c)
	return string(data)
}
