package backends

import (
	"encoding/json"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// HookList is a list of hooks that can be saved in a file. The JSON of [specs.Hook] does not tell
// an empty environment from a missing one. A hook with an empty environment gets no variables. A
// hook without an environment gets the default variables.
type HookList []specs.Hook

type savedHook struct {
	specs.Hook
	Env []string `json:"env"`
}

// MarshalJSON writes the list. The environment of a hook that has none is null.
func (l HookList) MarshalJSON() ([]byte, error) {
	saved := make([]savedHook, len(l))
	for i, h := range l {
		saved[i] = savedHook{h, h.Env}
	}
	return json.Marshal(saved)
}

// UnmarshalJSON reads what MarshalJSON has written.
func (l *HookList) UnmarshalJSON(data []byte) error {
	var saved []savedHook
	if err := json.Unmarshal(data, &saved); err != nil {
		return err
	}
	*l = make(HookList, len(saved))
	for i, k := range saved {
		(*l)[i] = k.Hook
		(*l)[i].Env = k.Env
	}
	return nil
}

// LaterHooks are the hooks that commands after create have to run.
type LaterHooks struct {
	Poststart HookList `json:"poststart,omitempty"`
	Poststop  HookList `json:"poststop,omitempty"`
}
