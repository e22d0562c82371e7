package spec

import specs "github.com/opencontainers/runtime-spec/specs-go"

// HookKind is a point in the lifecycle at which hooks run, named as its list in config.json.
type HookKind string

// The kinds of hooks in the order of the lifecycle (runtime.md#lifecycle).
const (
	Prestart        HookKind = "prestart"
	CreateRuntime   HookKind = "createRuntime"
	CreateContainer HookKind = "createContainer"
	StartContainer  HookKind = "startContainer"
	Poststart       HookKind = "poststart"
	Poststop        HookKind = "poststop"
)

// HookKinds lists all kinds in the order of the lifecycle.
var HookKinds = []HookKind{Prestart, CreateRuntime, CreateContainer, StartContainer, Poststart, Poststop}

// Hooks returns the hooks of one kind, in the order in which they run.
func Hooks(s *specs.Spec, k HookKind) []specs.Hook {
	if s.Hooks == nil {
		return nil
	}
	switch k {
	case Prestart:
		//lint:ignore SA1019 deprecated, but engines send it
		return s.Hooks.Prestart
	case CreateRuntime:
		return s.Hooks.CreateRuntime
	case CreateContainer:
		return s.Hooks.CreateContainer
	case StartContainer:
		return s.Hooks.StartContainer
	case Poststart:
		return s.Hooks.Poststart
	case Poststop:
		return s.Hooks.Poststop
	}
	return nil
}

// HasHooks reports whether s has a hook of any of the kinds. Without kinds it reports whether s has
// any hook at all.
func HasHooks(s *specs.Spec, kinds ...HookKind) bool {
	if len(kinds) == 0 {
		kinds = HookKinds
	}
	for _, k := range kinds {
		if len(Hooks(s, k)) > 0 {
			return true
		}
	}
	return false
}
