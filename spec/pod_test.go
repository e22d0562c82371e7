package spec

import "testing"

func TestPodOf(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		annotations map[string]string
		want        Pod
		ok          bool
	}{
		"none":         {map[string]string{"a": "b"}, Pod{}, false},
		"no namespace": {map[string]string{"io.kubernetes.cri.sandbox-name": "web-0"}, Pod{Name: "web-0"}, true},
		"containerd": {map[string]string{
			"io.kubernetes.cri.sandbox-namespace": "shop", "io.kubernetes.cri.sandbox-name": "web-0", "io.kubernetes.cri.sandbox-uid": "u",
			"io.kubernetes.cri.container-name": "nginx", "io.kubernetes.cri.image-name": "docker.io/library/nginx:1",
		}, Pod{Namespace: "shop", Name: "web-0", UID: "u", Container: "nginx", Image: "docker.io/library/nginx:1"}, true},
		"CRI-O": {map[string]string{
			"io.kubernetes.pod.namespace": "shop", "io.kubernetes.pod.name": "web-0", "io.kubernetes.pod.uid": "u", "io.kubernetes.container.name": "nginx",
		}, Pod{Namespace: "shop", Name: "web-0", UID: "u", Container: "nginx"}, true},
		"CRI-O's sandbox": {map[string]string{
			"io.kubernetes.pod.namespace": "shop", "io.kubernetes.pod.name": "web-0", "io.kubernetes.container.name": "POD",
		}, Pod{Namespace: "shop", Name: "web-0"}, true},
	} {
		if got, ok := PodOf(c.annotations); got != c.want || ok != c.ok {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
	}
}
