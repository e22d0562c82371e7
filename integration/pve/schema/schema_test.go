package schema

import (
	"io"
	"maps"
	"testing"
)

var object = Object{
	"volume": {Type: String, DefaultKey: true},
	"ro":     {Type: Boolean, Optional: true},
	"size":   {Type: String, Format: "disk-size", Optional: true},
	"count":  {Type: Integer, Min: Limit(2), Max: Limit(5), Optional: true},
	"cause":  {Type: String, Optional: true},
}

func TestProperty(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, printed, problem string }{
		{"/a", "/a", ""},
		{"ro=yes,/a", "/a,ro=1", ""},
		{"volume=/a,size=4096M", "/a,size=4G", ""},
		{"/a,/b", "", "duplicate key in comma-separated list property: volume\n"},
		{"/a,nosuch=1", "", "invalid key in comma-separated list property: nosuch\n"},
		{"/a,=1", "", "missing key in comma-separated list property\n"},
		{"ro=1", "", "format error\nvolume: property is missing and it is not optional\n"},
		{"/a,count=9", "", "format error\ncount: value must have a maximum value of 5\n"},
		{"/a,count=x", "", "format error\ncount: type check ('integer') failed - got 'x'\n"},
		{"/a,ro=maybe", "", "format error\nro: type check ('boolean') failed - got 'maybe'\n"},
		{"/a,size=1X", "", "format error\nsize: invalid format - value does not look like a valid disk size: 1X\n\n"},
	}
	for _, test := range tests {
		parts, err := ParseProperty(object, test.text)
		if err != nil {
			if err.Error() != test.problem {
				t.Errorf("%q: %q", test.text, err)
			}
			continue
		}
		if got := PrintProperty(object, parts); got != test.printed {
			t.Errorf("%q is printed as %q", test.text, got)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		arguments []string
		values    map[string]string
		extra     int
		problem   string
	}{
		{[]string{"/a", "-ro", "--count=3"}, map[string]string{"volume": "/a", "ro": "1", "count": "3"}, 0, ""},
		{[]string{"--ro", "off", "/a", "x", "y"}, map[string]string{"volume": "/a", "ro": "0"}, 2, ""},
		{[]string{"/a", "--ro", "--", "--count", "3"}, map[string]string{"volume": "/a", "ro": "1"}, 2, ""},
		{[]string{"--cou", "3", "/a", "--CAUSE", "-x"}, map[string]string{"volume": "/a", "count": "3", "cause": "-x"}, 0, ""},
		{nil, nil, 0, "400 not enough arguments\n"},
		{[]string{"/a", "--c", "3"}, nil, 0, "400 unable to parse option\n"},
		{[]string{"/a", "--cause="}, nil, 0, "400 unable to parse option\n"},
		{[]string{"/a", "--cause"}, nil, 0, "400 unable to parse option\n"},
		{[]string{"/a", "--ro", "perhaps"}, nil, 0, "400 unable to parse boolean option\n"},
	}
	for _, test := range tests {
		options, err := ParseOptions(object, []string{"volume", ExtraArgs}, test.arguments, io.Discard)
		switch {
		case err != nil:
			if err.Error() != test.problem {
				t.Errorf("%q: %q", test.arguments, err)
			}
		case test.problem != "" || !maps.Equal(options.Values, test.values) || len(options.Extra) != test.extra:
			t.Errorf("%q: %v and %q", test.arguments, options.Values, options.Extra)
		}
	}
}
