//go:build linux

package engines

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/berth-oci/berth/integration/suite"
)

func TestCRI(t *testing.T) {
	if wanted("cri") {
		perHandler(t, "cri", criTests())
	}
}

func TestCRILimits(t *testing.T) {
	if wanted("cri-limits") {
		perHandler(t, "cri limits", criLimitsTests)
	}
}

func perHandler(t *testing.T, suite string, tests []test[*cri]) {
	for _, r := range runtimes {
		column(t, suite, r.name, func(t *testing.T) *cri { return newCRI(t, r) }, some(r, tests))
	}
}

// cri is containerd within one test, driven as the kubelet drives it, but through crictl.
type cri struct {
	*testing.T
	runtime candidate
	// handler is the runtime's name in containerd's configuration.
	handler string
	// dir contains the configurations and logs of the test's pods.
	dir string
}

func newCRI(t *testing.T, r candidate) *cri {
	criNode.use(t)
	return &cri{T: t, runtime: r, handler: r.name, dir: t.TempDir()}
}

// set is a part of the configuration of a pod or container, with the field names of k8s.io/cri-api.
type set = map[string]any

// with returns a copy of a with the entries of b. A set that both have is merged in the same way.
func with(a, b set) set {
	both := maps.Clone(a)
	for k, v := range b {
		if inner, ok := v.(set); ok {
			if old, ok := both[k].(set); ok {
				both[k] = with(old, inner)
				continue
			}
		}
		both[k] = v
	}
	return both
}

// security returns a configuration with a security context.
func security(s set) set { return set{"linux": set{"security_context": s}} }

// The values of NamespaceMode (k8s.io/cri-api).
const (
	ofPod = iota
	ofContainer
	ofNode
	ofTarget
)

func (c *cri) command(args ...string) command {
	return command{argv: append([]string{"crictl", "--timeout", patience.String()}, args...)}
}

func (c *cri) run(args ...string) result {
	c.Helper()
	return c.command(args...).run(c.T)
}

func (c *cri) must(args ...string) string {
	c.Helper()
	return c.command(args...).must(c.T)
}

// ask parses the JSON that crictl prints about a pod or container into answer.
func (c *cri) ask(answer any, args ...string) {
	c.Helper()
	out := c.must(args...)
	if err := json.Unmarshal([]byte(out), answer); err != nil {
		c.Fatalf("%s: %v: %s", args, err, out)
	}
}

var names atomic.Int64

// file writes a configuration, and returns its path.
func (c *cri) file(name string, config set) string {
	c.Helper()
	data, err := json.Marshal(config)
	if err != nil {
		c.Fatal(err)
	}
	path := filepath.Join(c.dir, name+".json")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		c.Fatal(err)
	}
	return path
}

// criPod is a pod sandbox. It is removed when the test ends.
type criPod struct {
	*cri
	id, name, config, logs string
}

func (c *cri) podConfig(options set) (name string, config set) {
	n := strconv.FormatInt(names.Add(1), 10)
	name = "pod-" + strings.ReplaceAll(c.runtime.name, "_", "-") + "-" + n
	config = with(set{
		"metadata": set{"name": name, "namespace": "berth-test", "uid": "uid-" + n, "attempt": 1},
		"hostname": name,
		"linux":    set{"security_context": set{"namespace_options": set{"pid": ofContainer}}},
	}, options)
	name = config["metadata"].(set)["name"].(string)
	config["log_directory"] = filepath.Join(c.dir, name)
	return name, config
}

// pod runs a sandbox. As with the kubelet, its containers have their own pid namespaces unless the
// options say otherwise.
func (c *cri) pod(options set) *criPod {
	c.Helper()
	name, config := c.podConfig(options)
	p := &criPod{cri: c, name: name, config: c.file(name, config), logs: filepath.Join(c.dir, name)}
	p.id = c.must("runp", "--runtime", c.handler, p.config)
	c.Cleanup(func() {
		if r := c.run("rmp", "--force", p.id); r.status != 0 && !strings.Contains(r.stderr, "not found") {
			c.Errorf("rmp %s: %+v", p.id, r)
		}
	})
	return p
}

// criContainer is a container of a pod.
type criContainer struct {
	*criPod
	id, name string
}

// create creates a container with a program. Without a program it uses the image's.
func (p *criPod) create(options set, program ...string) *criContainer {
	p.Helper()
	config := with(set{
		"metadata": set{"name": "c" + strconv.FormatInt(names.Add(1), 10)},
		"image":    set{"image": ctrImage},
		"linux":    set{"security_context": set{"namespace_options": set{"pid": ofContainer}}},
	}, options)
	name := config["metadata"].(set)["name"].(string)
	config["log_path"] = name + ".log"
	if len(program) > 0 {
		config["command"] = program
	}
	return &criContainer{criPod: p, name: name, id: p.must("create", p.id, p.file(name, config), p.config)}
}

// start creates a container and starts it.
func (p *criPod) start(options set, program ...string) *criContainer {
	p.Helper()
	x := p.create(options, program...)
	x.must("start", x.id)
	return x
}

// sleeper starts a container that ends with status 0 at SIGTERM, and waits until it is ready for
// that.
func (p *criPod) sleeper(options set) *criContainer {
	p.Helper()
	x := p.start(options, "sh", "-c", `trap "exit 0" TERM; echo ready; while :; do sleep 0.1; done`)
	x.said("ready")
	return x
}

// status is a part of ContainerStatus and of what containerd adds to it.
type status struct {
	Status struct {
		State, Reason, Message string
		ExitCode               int
		StartedAt, FinishedAt  string
	}
	Info struct {
		PID         int
		RuntimeSpec struct{ Annotations map[string]string }
	}
}

func (x *criContainer) status() (s status) {
	x.Helper()
	x.ask(&s, "inspect", x.id)
	return s
}

func (x *criContainer) pid() int {
	x.Helper()
	return x.status().Info.PID
}

// exits waits for the container's end, and checks its exit code and reason.
func (x *criContainer) exits(code int, reason string) {
	x.Helper()
	eventually(x.T, "exited", func() bool { return x.status().Status.State == "CONTAINER_EXITED" })
	// containerd learns of the end and of an OOM kill separately.
	suite.Becomes(*patience, func() bool { return x.status().Status.Reason == reason })
	if s := x.status().Status; s.ExitCode != code || s.Reason != reason {
		x.Errorf("exit code %d (%s), not %d (%s): %+v; log: %s", s.ExitCode, s.Reason, code, reason, s, x.log())
	}
}

// log returns what the container wrote, without the format of CRI's logs (time, stream, F or P,
// text).
func (x *criContainer) log() string {
	x.Helper()
	var text strings.Builder
	for line := range strings.Lines(x.rawLog()) {
		f := strings.SplitN(line, " ", 4)
		if len(f) != 4 {
			x.Fatalf("not a line of CRI's log: %q", line)
		}
		if f[2] == "P" {
			f[3] = strings.TrimSuffix(f[3], "\n")
		}
		text.WriteString(f[3])
	}
	return text.String()
}

func (x *criContainer) rawLog() string {
	x.Helper()
	data, err := os.ReadFile(filepath.Join(x.logs, x.name+".log"))
	if err != nil {
		x.Fatal(err)
	}
	return string(data)
}

// said waits for a text in the container's log.
func (x *criContainer) said(text string) {
	x.Helper()
	eventually(x.T, fmt.Sprintf("%q in the log", text), func() bool { return strings.Contains(x.log(), text) })
}

// exec runs a command as the kubelet runs a probe. It removes the empty lines that crictl adds to
// the output.
func (x *criContainer) exec(program ...string) result {
	x.Helper()
	r := x.run(append([]string{"exec", "--sync", x.id}, program...)...)
	r.stdout = strings.TrimRight(r.stdout, "\n")
	return r
}

// pid returns the pid of the pod's sandbox.
func (p *criPod) pid() int {
	p.Helper()
	var s struct{ Info struct{ PID int } }
	p.ask(&s, "inspectp", p.id)
	return s.Info.PID
}

// sandbox is a part of PodSandboxStatus.
type sandbox struct {
	State   string
	Network struct{ IP string }
}

func (p *criPod) sandbox() sandbox {
	p.Helper()
	var s struct{ Status sandbox }
	p.ask(&s, "inspectp", p.id)
	return s.Status
}

// criTests returns all tests of the suite.
func criTests() []test[*cri] {
	var tests []test[*cri]
	for _, list := range [][]test[*cri]{criPodTests, criContainerTests, criStreamTests, criFaultTests} {
		tests = append(tests, list...)
	}
	for _, o := range criOutputs {
		tests = append(tests, test[*cri]{o.name, o.run})
	}
	return tests
}
