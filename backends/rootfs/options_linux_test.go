package rootfs

import (
	"reflect"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseOptions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		words []string
		want  options
	}{
		"none":             {nil, options{}},
		"defaults":         {[]string{"defaults"}, options{}},
		"last wins":        {[]string{"ro", "rw", "noexec", "exec", "noexec"}, options{flags: unix.MS_NOEXEC, cleared: unix.MS_RDONLY}},
		"rbind":            {[]string{"rbind", "nosuid"}, options{flags: unix.MS_BIND | unix.MS_REC | unix.MS_NOSUID}},
		"propagation":      {[]string{"slave", "rshared"}, options{propagation: []uint64{unix.MS_SLAVE, unix.MS_SHARED | unix.MS_REC}}},
		"recursive":        {[]string{"rro", "rdev"}, options{recSet: unix.MOUNT_ATTR_RDONLY, recClear: unix.MOUNT_ATTR_NODEV}},
		"recursive undone": {[]string{"rro", "rrw"}, options{recClear: unix.MOUNT_ATTR_RDONLY}},
		"recursive atime":  {[]string{"rnoatime"}, options{recSet: unix.MOUNT_ATTR_NOATIME, recClear: unix.MOUNT_ATTR__ATIME}},
		"own":              {[]string{"tmpcopyup", "ridmap", "copy-symlink"}, options{copyUp: true, idmap: true, ridmap: true, copySymlink: true}},
		"data":             {[]string{"size=1m,mode=755", "noswap", "", ",=x,"}, options{data: []Param{{"size", "1m", false}, {"mode", "755", false}, {"noswap", "", true}}}},
		"empty value":      {[]string{"a="}, options{data: []Param{{"a", "", false}}}},
		"label":            {[]string{`context="u:r:t:s0:c1,c2",size=1m`}, options{data: []Param{{"context", "u:r:t:s0:c1,c2", false}, {"size", "1m", false}}}},
		"label cut short":  {[]string{`context="a,b`}, options{data: []Param{{"context", "a,b", false}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := parseOptions(test.words); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestAttrOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ flags, want uint64 }{
		{unix.MS_RDONLY | unix.MS_NOSYMFOLLOW, unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSYMFOLLOW},
		{unix.MS_RELATIME, 0},
		{unix.MS_NOATIME | unix.MS_RELATIME, unix.MOUNT_ATTR_NOATIME},
		{unix.MS_NOATIME | unix.MS_STRICTATIME, unix.MOUNT_ATTR_STRICTATIME},
		{unix.MS_NODIRATIME | unix.MS_SYNCHRONOUS, unix.MOUNT_ATTR_NODIRATIME},
	} {
		if got := attrOf(test.flags); got != test.want {
			t.Errorf("attrOf(%#x) = %#x, want %#x", test.flags, got, test.want)
		}
	}
}

func TestMountOptionsSorted(t *testing.T) {
	t.Parallel()
	names := MountOptions()
	for i := 1; i < len(names); i++ {
		if names[i-1] >= names[i] {
			t.Errorf("%q before %q", names[i-1], names[i])
		}
	}
}
