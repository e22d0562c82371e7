// Package doctor examines a host: whether it has what berth needs, whether its container engines
// know berth, and whether there are leftovers of containers without a record, or records without a
// container.
package doctor

import (
	"context"
	"path/filepath"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/runtime"
)

// Doctor examines one host.
type Doctor struct {
	// Dir is the host's root directory, "/" except in tests.
	Dir string
	// Root is the state directory of this berth. doctor also examines the state directories of the
	// engines that it finds on the host.
	Root string
	// System is the state directory of a berth without --root. Other state directories are
	// registered there.
	System string
	// Program is the path of berth, for lines to paste and for calls of berth itself.
	Program string
	// Open opens a state directory.
	Open func(root string) (Containers, error)
	// Backends are all backends, crun and runc as well. Default is the name of the backend that a
	// container gets if nothing else decides.
	Backends []Backend
	Default  string
	// Sockets checks whether the kernel keeps containers from LXC's command sockets. It is nil on a
	// platform without LXC.
	Sockets func() backends.Finding
}

// Containers are the containers of a state directory, whoever runs them.
type Containers interface {
	// List returns the state of all containers. The error is beside the rest.
	List() ([]*runtime.Info, error)
	// ListOwed is that of runtime.Runtime, and so is DeleteUnfinished.
	ListOwed() []runtime.OwedInfo
	DeleteUnfinished(ctx context.Context, id string) (done bool, err error)
}

// Backend makes a backend for its examination.
type Backend struct {
	Name string
	Make func() (Usable, error)
}

// Usable is what every backend tells about itself. Some are a backends.Versioner or a
// backends.Diagnoser, too.
type Usable interface {
	// Usable returns why the backend cannot work on this host, or nil if it can.
	Usable() error
}

// Diagnose looks at everything and changes nothing.
func (d *Doctor) Diagnose(ctx context.Context) []backends.Finding {
	var all []backends.Finding
	for _, group := range []func(context.Context) []backends.Finding{
		d.platform, d.backends, d.state, d.engines, d.strays,
	} {
		all = append(all, group(ctx)...)
	}
	return all
}

// path returns the path of a file on the host.
func (d *Doctor) path(name string) string { return filepath.Join(d.Dir, name) }

func pass(check, looked string) backends.Finding {
	return backends.Finding{Check: check, Verdict: backends.Pass, Looked: looked}
}

func warn(check, looked, advice string) backends.Finding {
	return backends.Finding{Check: check, Verdict: backends.Warn, Looked: looked, Advice: advice}
}

func fail(check, looked, advice string) backends.Finding {
	return backends.Finding{Check: check, Verdict: backends.Fail, Looked: looked, Advice: advice}
}

// backends checks whether each backend can work here, and adds what the backend itself finds.
func (d *Doctor) backends(ctx context.Context) []backends.Finding {
	var list []backends.Finding
	for _, m := range d.Backends {
		check := "backend " + m.Name
		b, err := m.Make()
		if err == nil {
			err = b.Usable()
		}
		tools := ""
		if e, ok := b.(backends.Versioner); ok {
			found, toolErr := e.Versions()
			for _, t := range found {
				tools += " " + t.Path + " " + t.Version
			}
			if err == nil {
				err = toolErr
			}
		}
		switch {
		case err == nil:
			list = append(list, pass(check, "usable:"+tools))
		case m.Name == d.Default:
			list = append(list, fail(check, err.Error(), "this is the default backend: install what is missing, or set another default in the configuration"))
			continue
		default:
			list = append(list, pass(check, "not usable on this host: "+err.Error()))
			continue
		}
		if e, ok := b.(backends.Diagnoser); ok {
			list = append(list, e.Diagnose(ctx)...)
		}
	}
	return list
}
