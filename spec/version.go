package spec

import (
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// newest is the latest minor version of the specification that berth knows.
const newest = specs.VersionMinor

// version checks ociVersion. A version 1.x above the newest known is accepted with a Warning,
// because engines write the version of the library with which they are built, not the oldest
// version that has everything they use.
func (c *checker) version() {
	v := c.s.Version
	major, minor, ok := parseVersion(v)
	switch {
	case v == "":
		c.errorf("ociVersion", "is required and must be a version from 1.0.0 to 1.%d", newest)
	case !ok:
		c.errorf("ociVersion", "must be a version in the form of SemVer 2.0.0, such as 1.0.2, not %s", quote(v))
	case major != 1:
		c.errorf("ociVersion", "must be from 1.0.0 to 1.%d, not %s", newest, quote(v))
	case minor > newest:
		c.warnf("ociVersion", "is newer than 1.%d: fields of later versions are ignored", newest)
	default:
		c.newer(minor)
	}
}

// parseVersion returns the major and minor number of a version. A development version counts as the
// next minor one, as in specs-go: 1.0.2-dev lies between 1.0.2 and 1.1.0.
func parseVersion(v string) (major, minor int, ok bool) {
	rest, build, hasBuild := strings.Cut(v, "+")
	core, pre, hasPre := strings.Cut(rest, "-")
	parts := strings.Split(core, ".")
	if len(v) > 64 || len(parts) != 3 || slices.ContainsFunc(parts, func(p string) bool { return !number(p) }) ||
		hasPre && !identifiers(pre, true) || hasBuild && !identifiers(build, false) {
		return 0, 0, false
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	if minor < newest && strings.HasSuffix(v, "dev") {
		minor++
	}
	return major, minor, err1 == nil && err2 == nil
}

// number reports whether s is a number in SemVer: digits without a leading zero.
func number(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == "" && (s == "0" || s[0] != '0')
}

// identifiers reports whether s is a list of SemVer identifiers separated by dots. In a
// pre-release, an identifier of digits has no leading zero.
func identifiers(s string, pre bool) bool {
	for part := range strings.SplitSeq(s, ".") {
		odd := func(r rune) bool {
			return r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
		}
		digits := strings.Trim(part, "0123456789") == ""
		if part == "" || strings.ContainsFunc(part, odd) || pre && digits && !number(part) {
			return false
		}
	}
	return true
}
