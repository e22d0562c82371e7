//go:build linux

package engines

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// criNode is this host as a Kubernetes node without a kubelet.
var criNode node

type node struct {
	// used is locked for reading by every running test, and for writing by a test that restarts
	// containerd.
	used sync.RWMutex
}

// use keeps other tests from restarting containerd until this test ends.
func (n *node) use(t *testing.T) {
	n.used.RLock()
	t.Cleanup(n.used.RUnlock)
}

// alone gives a test that uses the node exclusive use of it until done is called.
func (n *node) alone() (done func()) {
	n.used.RUnlock()
	n.used.Lock()
	return func() {
		n.used.Unlock()
		n.used.RLock()
	}
}

const (
	pauseImage   = "localhost/berth-test/pause:latest"
	volumesImage = "localhost/berth-test/volumes:latest"
	// kubernetes is containerd's namespace for CRI.
	kubernetes = "k8s.io"
	// gateway is the bridge's address in the pods' network.
	gateway = "10.88.0.1"
)

const cniNetwork = `{"cniVersion": "1.0.0", "name": "berth-test", "plugins": [
	{"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
	 "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
	{"type": "portmap", "capabilities": {"portMappings": true}}]}
`

// criConfig returns containerd's configuration. Without cgroup controllers, as in a container,
// containerd must leave cgroups alone.
func criConfig() string {
	var b strings.Builder
	cgroups := controllers() == nil
	fmt.Fprintf(&b, `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  disable_cgroup = %v
  restrict_oom_score_adj = %v
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = %q
`, pauseImage, !cgroups, !cgroups, runtimes[0].name)
	handler := func(name, path string) {
		fmt.Fprintf(&b, `    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.%[1]s]
      runtime_type = "io.containerd.runc.v2"
      pod_annotations = ["org.example.*"]
      container_annotations = ["org.example.*"]
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.%[1]s.options]
        BinaryName = %[2]q
`, name, path)
	}
	for _, r := range runtimes {
		handler(r.name, r.path)
	}
	if berth, err := exec.LookPath("berth"); err == nil {
		handler(ruled, berth)
	}
	return b.String()
}

// ruled is the handler for which a rule chooses the backend.
const ruled = "ruled"

// berthConfig is a berth configuration that chooses a pod's backend by the pod's name.
const berthConfig = `[[rule]]
namespace = "berth-test"
pod = "by-rule-crun-*"
backend = "crun"

[[rule]]
namespace = "berth-test"
pod = "by-rule-berth-lxc-*"
backend = "lxc"

[[rule]]
namespace = "berth-test"
pod = "by-rule-berth-pct-*"
backend = "pct"
`

// setUp makes the host a node. It writes containerd's configuration and the pods' network, imports
// images without a registry, and runs first pods (warmUp).
func (n *node) setUp() error {
	for path, text := range map[string]string{
		"/etc/cni/net.d/10-berth-test.conflist": cniNetwork,
		"/etc/containerd/config.toml":           criConfig(),
		"/etc/berth/config.toml":                berthConfig,
		"/etc/crictl.yaml":                      "runtime-endpoint: unix:///run/containerd/containerd.sock\nimage-endpoint: unix:///run/containerd/containerd.sock\n",
		"/proc/sys/net/ipv4/ip_forward":         "1",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := succeed("systemctl", "restart", "containerd"); err != nil {
		return err
	}
	const busybox = "/usr/share/berth-test/busybox.tar"
	if err := succeed("ctr", "-n", kubernetes, "images", "import", busybox); err != nil {
		return err
	}
	for name, config := range map[string]map[string]any{
		pauseImage: {"Cmd": []string{"sh", "-c", `trap "exit 0" TERM INT; while :; do sleep 1000 & wait $!; done`}},
		volumesImage: {"Cmd": []string{"sh", "-c", `pwd; echo "$GREETING"; ls /var/data; touch /var/data/x && grep -c " /var/data " /proc/self/mountinfo`},
			"Volumes": map[string]any{"/var/data": map[string]any{}}, "WorkingDir": "/usr", "Env": []string{"PATH=/bin", "GREETING=from the image"}},
	} {
		if err := importAs(busybox, name, config); err != nil {
			return fmt.Errorf("image %s: %w", name, err)
		}
	}
	return n.warmUp()
}

func succeed(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// warmUp runs and removes a pod with every runtime. The bridge, the chains of iptables, directories
// and cgroups stay after the first pod.
func (n *node) warmUp() error {
	dir, err := os.MkdirTemp("", "warm")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	type warm struct{ pod, handler string }
	var pods []warm
	for _, r := range runtimes {
		pods = append(pods, warm{"warm", r.name}, warm{"by-rule-" + r.name + "-warm", ruled})
	}
	for _, w := range pods {
		path := filepath.Join(dir, "pod.json")
		text := `{"metadata": {"name": "` + w.pod + `", "namespace": "berth-test", "uid": "` + w.handler + `"}, "log_directory": "` + dir + `", "linux": {},
			"port_mappings": [{"container_port": 80, "host_port": 18080, "host_ip": "` + gateway + `"}]}`
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
		out, err := exec.Command("crictl", "--timeout", patience.String(), "runp", "--runtime", w.handler, path).Output()
		if err != nil {
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				err = fmt.Errorf("%w: %s", err, exit.Stderr)
			}
			return fmt.Errorf("a first pod with %s: %w", w.handler, err)
		}
		if err := succeed("crictl", "--timeout", patience.String(), "rmp", "--force", strings.TrimSpace(string(out))); err != nil {
			return err
		}
	}
	return nil
}

// importAs imports a docker-archive image under another name, with config over the image's own
// configuration.
func importAs(archive, name string, config map[string]any) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	var manifest []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	members := map[string][]byte{}
	for r := tar.NewReader(file); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if members[h.Name], err = io.ReadAll(r); err != nil {
			return err
		}
	}
	if err := json.Unmarshal(members["manifest.json"], &manifest); err != nil {
		return err
	}
	var all map[string]any
	if err := json.Unmarshal(members[manifest[0].Config], &all); err != nil {
		return err
	}
	all["config"] = with(all["config"].(map[string]any), config)
	manifest[0].RepoTags = []string{name}
	if members[manifest[0].Config], err = json.Marshal(all); err != nil {
		return err
	}
	if members["manifest.json"], err = json.Marshal(manifest); err != nil {
		return err
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for path, data := range members {
		if err := w.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(data))}); err != nil {
			return err
		}
		if _, err := w.Write(data); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	cmd := exec.Command("ctr", "-n", kubernetes, "images", "import", "-")
	cmd.Stdin = &out
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	return nil
}
