package backends

import (
	"encoding/json"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// HookList is a list of hooks that can be kept in a file. In the JSON of
// [specs.Hook] an empty environment and none are the same; a hook of the first
// kind gets no variables, one of the second the default ones.
type HookList []specs.Hook

type savedHook struct {
	specs.Hook
	Env []string `json:"env"`
}

// MarshalJSON writes a list; an environment is null if there is none.
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
