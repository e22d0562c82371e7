package image

import (
	"fmt"
	goruntime "runtime"
	"strings"
)

// Platform is the platform of an image: GOOS, GOARCH, and for some architectures a variant. An
// empty Variant matches any.
type Platform struct{ OS, Architecture, Variant string }

// HostPlatform returns the host's architecture with the given operating system. An empty os means
// the host's own.
func HostPlatform(os string) Platform {
	if os == "" {
		os = goruntime.GOOS
	}
	return Platform{OS: os, Architecture: goruntime.GOARCH}
}

// ParsePlatform parses OS/ARCHITECTURE[/VARIANT].
func ParsePlatform(text string) (Platform, error) {
	words := strings.Split(text, "/")
	if len(words) < 2 || len(words) > 3 || words[0] == "" || words[1] == "" {
		return Platform{}, fmt.Errorf("platform %q: must be OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, such as linux/arm64/v8", text)
	}
	p := Platform{OS: words[0], Architecture: words[1]}
	if len(words) == 3 {
		p.Variant = words[2]
	}
	return p, nil
}

func (p Platform) String() string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

func (p Platform) matches(o *imagePlatform) bool {
	if o.OS != p.OS || o.Architecture != p.Architecture {
		return false
	}
	// v8 is the only variant of arm64 and may be omitted.
	return p.Variant == "" || o.Variant == p.Variant || o.Variant == "" && p.Architecture == "arm64" && p.Variant == "v8"
}
