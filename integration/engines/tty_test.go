//go:build linux

package engines

import (
	"testing"
)

var terminalTests = []test[*podman]{
	{"-t: a terminal of the right size", func(t *testing.T, p *podman) {
		// podman sends conmon the size while it starts the container. Until the size arrives,
		// busybox's stty prints nothing and succeeds.
		x := p.terminal("run", "--rm", "--name", p.name(), "-it", image, "sh", "-c",
			"tty; test -c /dev/console && echo console; stat -c %a $(tty); until size=$(stty size 2>/dev/null); test -n \"$size\"; do sleep 0.1; done; echo $size; test -t 0 && test -t 1 && test -t 2 && exit 5")
		x.expect(`/dev/pts/0\r\n`)
		x.expect(`console\r\n620\r\n`)
		x.expect(`37 101\r\n`)
		if s := x.status(); s != 5 {
			t.Errorf("exit status %d, not 5", s)
		}
	}},
	{"-t: resize", func(t *testing.T, p *podman) {
		x := p.terminal("run", "--rm", "--name", p.name(), "-it", image, "sh", "-c",
			`trap 'stty size' WINCH; echo ready; until [ "$(stty size)" = "50 120" ]; do sleep 0.1; done; echo resized`)
		x.expect(`ready`)
		x.resizeUntil(`50 120`)
		x.expect(`resized`)
		if s := x.status(); s != 0 {
			t.Errorf("exit status %d, not 0", s)
		}
	}},
	{"-t: Ctrl-C", func(t *testing.T, p *podman) {
		x := p.terminal("run", "--rm", "--name", p.name(), "-it", image, "sh", "-c", `trap : INT; echo ready; sleep 1000; echo "status $?"; exit 3`)
		x.expect(`ready`)
		x.interruptUntil(`status 130`)
		if s := x.status(); s != 3 {
			t.Errorf("exit status %d, not 3", s)
		}
	}},
	{"-t: a shell with job control", func(t *testing.T, p *podman) {
		x := p.terminal("run", "--rm", "--name", p.name(), "-it", image, "sh", "-i")
		x.expect(`# `)
		x.send("echo $((20+3)); cat\n")
		x.expect(`\n23\r\n`)
		x.send("typed\n")
		x.expect(`typed\r\ntyped\r\n`)
		x.send("\x1a")
		x.expect(`Stopped.*\n.*# `)
		x.send("fg\n")
		x.expect(`cat\r\n`)
		x.send("again\n")
		x.expect(`again\r\nagain\r\n`)
		x.send("\x03")
		x.expect(`# `)
		x.send("exit 4\n")
		if s := x.status(); s != 4 {
			t.Errorf("exit status %d, not 4", s)
		}
	}},
	{"-t: detach and attach", func(t *testing.T, p *podman) {
		name := p.name()
		x := p.terminal("run", "--name", name, "-it", image, "sh", "-c", `echo ready; read a; echo "got $a"; exit 6`)
		x.expect(`ready`)
		x.send("\x10") // Ctrl-P Ctrl-Q, which podman must read one at a time
		x.taken()
		x.send("\x11")
		if s := x.status(); s != 0 {
			t.Errorf("detach: exit status %d, not 0", s)
		}
		x = p.terminal("attach", name)
		// podman does not say when it has attached.
		eventually(t, "attached", func() bool { return p.ask(name, ".State.Running") == "true" })
		x.send("line\n")
		x.expect(`got line`)
		x.status()
		p.exits(name, 6)
	}},
	{"-t without -i, in the background", func(t *testing.T, p *podman) {
		id := p.detached("-t", image, "sh", "-c", "test -t 1 && echo terminal; exit 2")
		p.exits(id, 2)
		p.logs(id, "terminal")
	}},
}

func (p *podman) terminal(args ...string) *terminal {
	p.Helper()
	return onTerminal(p.T, p.command(args...).argv...)
}
