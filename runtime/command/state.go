package command

import (
	"encoding/json"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/runtime"
)

// containerState is what state and list print: runc's fields, the backend, and what else
// another runtime reports.
type containerState struct {
	OCIVersion  string               `json:"ociVersion"`
	ID          string               `json:"id"`
	Pid         int                  `json:"pid"`
	Status      specs.ContainerState `json:"status"`
	Bundle      string               `json:"bundle"`
	Rootfs      string               `json:"rootfs"`
	Created     time.Time            `json:"created"`
	Annotations map[string]string    `json:"annotations,omitempty"`
	Owner       string               `json:"owner"`
	Backend     string               `json:"backend,omitempty"`
	Unrecorded  bool                 `json:"unrecorded,omitempty"`

	extra map[string]json.RawMessage
}

// MarshalJSON adds the extra fields after the usual ones.
func (s *containerState) MarshalJSON() ([]byte, error) {
	type plain containerState
	data, err := json.Marshal((*plain)(s))
	if err != nil || len(s.extra) == 0 {
		return data, err
	}
	extra, err := json.Marshal(s.extra)
	if err != nil {
		return nil, err
	}
	data[len(data)-1] = ','
	return append(data, extra[1:]...), nil
}

func stateOf(i *runtime.Info) *containerState {
	s := i.Container.State(i.Status)
	state := &containerState{
		OCIVersion: s.Version, ID: s.ID, Pid: s.Pid, Status: s.Status, Bundle: s.Bundle, Rootfs: i.Rootfs,
		Created: i.Created, Annotations: s.Annotations, Owner: i.Owner, Backend: i.Container.Backend, Unrecorded: i.Unrecorded,
		extra: i.Extra,
	}
	if i.StateVersion != "" {
		state.OCIVersion = i.StateVersion
	}
	return state
}

var stateCommand = &cli.Command{
	Name:      "state",
	Usage:     "output the state of a container",
	ArgsUsage: "<container-id>",
	Action: func(c *cli.Context) error {
		r, found, err := findOnly(c)
		if err != nil {
			return err
		}
		info, err := r.State(found)
		if err != nil {
			return err
		}
		return printJSON(c, stateOf(info))
	},
}

func printJSON(c *cli.Context, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = c.App.Writer.Write(append(data, '\n'))
	return err
}
