package spec

import (
	"regexp"
	"strconv"
	"strings"
	"sync"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// newest is the latest minor version of the specification that is known here.
const newest = specs.VersionMinor

// semver is the grammar of SemVer 2.0.0, https://semver.org/#backusnaur-form.
var semver = sync.OnceValue(func() *regexp.Regexp {
	const num, pre, build = `(0|[1-9]\d*)`, `(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)`, `[0-9A-Za-z-]+`
	return regexp.MustCompile(`^` + num + `\.` + num + `\.` + num +
		`(-` + pre + `(\.` + pre + `)*)?(\+` + build + `(\.` + build + `)*)?$`)
})

// version checks ociVersion. 1.x above the newest known is accepted with a
// warning: engines write the version of the library that they are built with,
// not that of the oldest specification which has all they use.
func (c *checker) version() {
	v := c.s.Version
	major, minor, ok := parseVersion(v)
	switch {
	case v == "":
		c.errorf("ociVersion", "is required: a version from 1.0.0 to 1.%d", newest)
	case !ok:
		c.errorf("ociVersion", "must be a version as SemVer 2.0.0 writes it, such as 1.0.2, is %s", quote(v))
	case major != 1:
		c.errorf("ociVersion", "must be from 1.0.0 to 1.%d, is %s", newest, quote(v))
	case minor > newest:
		c.warnf("ociVersion", "is newer than 1.%d: what later versions added is ignored", newest)
	default:
		c.newer(minor)
	}
}

// parseVersion returns the major and minor number of a version. A development
// version counts as the next minor one, as specs-go did: 1.0.2-dev is on the
// way from 1.0.2 to 1.1.0.
func parseVersion(v string) (major, minor int, ok bool) {
	if len(v) > 64 {
		return 0, 0, false
	}
	if !plainVersion(v) && !semver().MatchString(v) {
		return 0, 0, false
	}
	parts := strings.SplitN(v, ".", 3)
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	if minor < newest && strings.HasSuffix(v, "dev") {
		minor++
	}
	return major, minor, err1 == nil && err2 == nil
}

// plainVersion says if v is three single digits, as nearly all are: it saves
// compiling the expression.
func plainVersion(v string) bool {
	digit := func(i int) bool { return '0' <= v[i] && v[i] <= '9' }
	return len(v) == 5 && digit(0) && v[1] == '.' && digit(2) && v[3] == '.' && digit(4)
}
