package rootfs

import (
	"testing"
)

func TestPodman(t *testing.T) {
	c := newContainer(t)
	c.podmanMounts()
	c.script = "cat /proc/self/mountinfo; ls -la /dev /; ls -l /proc/self/fd"
	t.Log(c.output(t))
}

func TestPodmanUserns(t *testing.T) {
	c := newContainer(t)
	c.podmanMounts()
	c.withUserNamespace(t)
	c.script = "cat /proc/self/mountinfo; ls -la /dev /; ls -l /proc/self/fd"
	t.Log(c.output(t))
}
