//go:build linux

// Package command implements pct's command line, with one file per command or small family of
// commands.
package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/berth-oci/berth/integration/pve/cluster"
	"github.com/berth-oci/berth/integration/pve/ctconf"
	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/host"
	"github.com/berth-oci/berth/integration/pve/lxc"
	"github.com/berth-oci/berth/integration/pve/schema"
	"github.com/berth-oci/berth/integration/pve/task"
)

// definition describes a command. The front half runs in the process that the user started. The
// work half, if there is one, runs in a worker.
type definition struct {
	positionals []string
	options     schema.Object
	lazy        func() schema.Object // replaces options where there are a thousand
	front       func(*call) error
	kind        string // the worker's type, as in the task log
	work        func(*call) error
}

// call is one invocation.
type call struct {
	context.Context
	host     *host.Host
	cluster  *cluster.Cluster
	id       string // the CT, if the command has one
	values   map[string]string
	extra    []string
	worker   bool
	restores bool // create from a backup
	stdout   *os.File
	stderr   *os.File
	reported map[string]bool
}

// path is the PATH that Proxmox's commands set for themselves and their children.
const path = "/sbin:/bin:/usr/sbin:/usr/bin"

// Main runs pct with these arguments (without the program's name) and returns the exit status.
func Main(arguments []string) int {
	_ = os.Setenv("PATH", path)
	h, err := host.Open("")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return failure.StatusDied
	}
	c := &call{
		Context: context.Background(), host: h, cluster: cluster.Of(h), stdout: os.Stdout, stderr: os.Stderr,
		worker: task.IsWorker(),
	}
	if !c.worker {
		host.Spend(h.Settings.Latency.Perl)
	}
	if h.Settings.PmxcfsDown {
		return noCluster(h)
	}
	if err := c.run(arguments); err != nil {
		text := err.Error()
		if !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		fmt.Fprint(os.Stderr, text)
		return failure.Status(err)
	}
	return 0
}

func (c *call) run(arguments []string) error {
	if len(arguments) == 0 {
		return failure.New("ERROR: no command specified\n%s", overview())
	}
	name := expand(arguments[0])
	if name == "help" {
		fmt.Fprint(c.stdout, overview())
		return nil
	}
	d := commands[name]
	if d == nil {
		return failure.New("ERROR: unknown command 'pct %s'\n%s", arguments[0], overview())
	}
	d.complete()
	if err := c.parse(name, d, arguments[1:]); err != nil {
		return err
	}
	// Make .vmlist show configurations that others have created or removed.
	if err := c.cluster.Refresh(); err != nil {
		return err
	}
	if c.worker {
		os.Exit(task.Work(c.host, func(ctx context.Context) error {
			c.Context = ctx
			return d.work(c)
		}))
	}
	if d.front != nil {
		if err := d.front(c); err != nil {
			return withUsage(err, name, d)
		}
	}
	if d.work != nil {
		return task.Start(c.host, d.kind, c.id, arguments, os.Stdin, c.stdout)
	}
	return nil
}

func (c *call) parse(name string, d *definition, arguments []string) error {
	options, err := schema.ParseOptions(d.options, d.positionals, arguments, c.stderr)
	if err != nil {
		return withUsage(err, name, d)
	}
	if wrong := schema.Check(d.options, options.Values); wrong != nil {
		return withUsage(schema.Invalid(wrong), name, d)
	}
	c.values, c.extra, c.id = options.Values, options.Extra, options.Values["vmid"]
	return nil
}

func withUsage(err error, name string, d *definition) error {
	var bad *schema.BadRequest
	if errors.As(err, &bad) && bad.Usage == "" {
		bad.Usage = usage(name, d)
	}
	return err
}

func (d *definition) complete() {
	if d.lazy != nil && d.options == nil {
		d.options = d.lazy()
	}
}

// usage returns PVE's one-line usage of a command.
func usage(name string, d *definition) string {
	words := []string{}
	optional := len(d.options)
	for _, p := range d.positionals {
		if d.options[p] != nil {
			optional--
		}
		if p == schema.ExtraArgs || d.options[p].Optional {
			p = "[<" + p + ">]"
		} else {
			p = "<" + p + ">"
		}
		words = append(words, p)
	}
	line := "pct " + name + " " + strings.Join(words, " ")
	if optional > 0 {
		line += " [OPTIONS]"
	}
	return line + "\n"
}

func overview() string {
	var text strings.Builder
	text.WriteString("USAGE: pct <COMMAND> [ARGS] [OPTIONS]\n\n")
	for _, name := range commandNames() {
		commands[name].complete()
		text.WriteString("       " + usage(name, commands[name]))
	}
	return text.String()
}

func commandNames() []string {
	names := make([]string, 0, len(commands))
	for name := range commands {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// expand completes an abbreviated command if it is unambiguous.
func expand(typed string) string {
	if typed == "help" || commands[typed] != nil {
		return typed
	}
	var found []string
	for _, name := range commandNames() {
		if strings.HasPrefix(name, typed) {
			found = append(found, name)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return typed
}

// warn reports a problem that does not stop the command, on stderr. In a worker stderr and stdout
// are the same stream.
func (c *call) warn(format string, args ...any) { fmt.Fprintf(c.stderr, format+"\n", args...) }

func (c *call) say(format string, args ...any) { fmt.Fprintf(c.stdout, format+"\n", args...) }

// load reads the CT's configuration. It reports what PVE drops from it on stdout, once.
func (c *call) load() (*ctconf.Config, error) { return c.loadOf(c.id) }

func (c *call) loadOf(id string) (*ctconf.Config, error) {
	return c.cluster.Load(id, func(line string) {
		if c.reported == nil {
			c.reported = map[string]bool{}
		}
		if !c.reported[line] {
			c.reported[line] = true
			c.say("%s", line)
		}
	})
}

func (c *call) running() bool { return lxc.IsRunning(c.host, c.id) }

// locked runs do while holding the configuration's lock.
func (c *call) locked(do func() error) error { return c.cluster.WithLock(c.id, c.stderr, do) }

func (c *call) flag(name string) bool { return c.values[name] == "1" }
