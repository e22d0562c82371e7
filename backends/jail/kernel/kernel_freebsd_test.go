package kernel

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSetting(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"kern.maxproc": true, "hw.ncpu": true, "security.jail.jailed": true,
		"kern.ostype":  true, // eight bytes: FreeBSD and its NUL
		"kern.version": false, "kern.no.such": false, "": false,
	} {
		if value, ok := Setting(name); ok != want || ok && name != "security.jail.jailed" && value == 0 {
			t.Errorf("%s: %d, %t", name, value, ok)
		}
	}
}

func TestAttach(t *testing.T) {
	t.Parallel()
	if err := Attach(1<<30, ""); !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EPERM) {
		t.Errorf("a jail that does not exist: %v", err)
	}
}

func TestTools(t *testing.T) {
	t.Parallel()
	for _, dir := range Tools() {
		var st unix.Stat_t
		if err := unix.Stat(dir, &st); err != nil || st.Uid != 0 || st.Mode&0o22 != 0 {
			t.Errorf("%s: owner %d, mode %o, %v", dir, st.Uid, st.Mode, err)
		}
	}
}
