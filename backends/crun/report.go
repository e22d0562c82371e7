package crun

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/berth-oci/berth/backends"
)

// Report is what the other runtime says about a container.
type Report struct {
	OCIVersion  string               `json:"ociVersion"`
	ID          string               `json:"id"`
	Pid         int                  `json:"pid"`
	Status      specs.ContainerState `json:"status"`
	Bundle      string               `json:"bundle"`
	Rootfs      string               `json:"rootfs"`
	Created     time.Time            `json:"created"`
	Owner       string               `json:"owner"`
	Annotations map[string]string    `json:"annotations"`
	// Extra holds the fields that have no place above.
	Extra map[string]json.RawMessage `json:"-"`
}

// Report asks the other runtime for the state of a container.
func (b *Backend) Report(c *backends.Container) (*Report, error) {
	out, err := b.output(c, Call{Command: "state", Words: []string{c.ID}})
	if err != nil {
		return nil, err
	}
	return parseReport(out)
}

// List asks the other runtime for all its containers in a state directory.
func (b *Backend) List(root string) ([]Report, error) {
	entries, err := os.ReadDir(b.root(root))
	if errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the containers of %s: %w", b.name, err)
	}
	out, err := b.output(&backends.Container{Root: root}, Call{Command: "list", Words: []string{"--format=json"}})
	if err != nil {
		return nil, err
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(out, &raw); err != nil {
		return nil, fmt.Errorf("read the list of containers from %s: %w: %s", b.name, err, strconv.Quote(string(out[:min(len(out), 200)])))
	}
	list := make([]Report, 0, len(raw))
	for _, data := range raw {
		r, err := parseReport(data)
		if err != nil {
			return nil, err
		}
		list = append(list, *r)
	}
	return list, nil
}

// usual are the JSON names of a Report's fields.
var usual = []string{"ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "owner", "annotations"}

func parseReport(data []byte) (*Report, error) {
	r := &Report{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("read the state from the other runtime: %w: %s", err, strconv.Quote(string(data[:min(len(data), 200)])))
	}
	if err := json.Unmarshal(data, &r.Extra); err != nil {
		return nil, fmt.Errorf("read the state from the other runtime: %w", err)
	}
	for _, name := range usual {
		delete(r.Extra, name)
	}
	return r, nil
}
