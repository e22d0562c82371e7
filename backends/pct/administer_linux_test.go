package pct

import (
	"reflect"
	"strings"
	"testing"
)

func TestAdministrate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		words []string
		want  []string
		err   string
	}{
		"config":          {[]string{"config"}, []string{"config", "900001"}, ""},
		"exec":            {[]string{"exec", "--", "ls", "-l"}, []string{"exec", "900001", "--", "ls", "-l"}, ""},
		"push":            {[]string{"push", "/a", "/b", "--perms", "0600"}, []string{"push", "900001", "/a", "/b", "--perms", "0600"}, ""},
		"snapshot":        {[]string{"snapshot", "s1"}, []string{"snapshot", "900001", "s1"}, ""},
		"set":             {[]string{"set", "--memory", "512", "-cores=2"}, []string{"set", "900001", "--memory", "512", "-cores=2"}, ""},
		"a tag named so":  {[]string{"set", "--tags", "rootfs"}, []string{"set", "900001", "--tags", "rootfs"}, ""},
		"unlock":          {[]string{"unlock"}, []string{"unlock", "900001"}, ""},
		"start":           {[]string{"start"}, nil, "belongs to the container engine"},
		"migrate":         {[]string{"migrate", "other"}, nil, "on this node"},
		"destroy":         {[]string{"destroy", "--force"}, nil, "berth delete"},
		"rootfs":          {[]string{"set", "--rootfs", "/x"}, nil, "come from config.json"},
		"rootfs, short":   {[]string{"set", "-root", "/x"}, nil, "come from config.json"},
		"mount point":     {[]string{"set", "--mp7=/a,mp=/b"}, nil, "come from config.json"},
		"delete":          {[]string{"set", "--delete", "hostname,description"}, nil, "by their notes"},
		"delete, short":   {[]string{"set", "-del=lock"}, nil, "could not be deleted"},
		"onboot":          {[]string{"set", "--onboot", "1"}, nil, "decides when"},
		"nothing":         {nil, nil, "name one of its subcommands"},
		"an option first": {[]string{"--config"}, nil, "name one of its subcommands"},
		"of all CTs":      {[]string{"list"}, nil, "not about one container"},
	} {
		got, err := administrate("900001", c.words)
		if c.err == "" {
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
			}
		} else if err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %v; want an error with %q", name, got, err, c.err)
		}
	}
}
