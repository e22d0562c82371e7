package spec

import "math"

// hooks checks config.md#posix-platform-hooks.
func (c *checker) hooks() {
	for _, kind := range HookKinds {
		for i, h := range Hooks(c.s, kind) {
			path := at("hooks."+string(kind), i)
			c.absolute(path+".path", h.Path)
			c.environment(path+".env", h.Env)
			if t := h.Timeout; t != nil && (*t <= 0 || *t > math.MaxInt32) {
				c.errorf(path+".timeout", "must be from 1 to %d seconds, not %d", math.MaxInt32, *t)
			}
		}
	}
}
