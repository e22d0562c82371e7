package spec

// Pod is a container's place in a pod of Kubernetes, as the engine annotates it.
// It is for display and for the administrator's rules: anyone can write
// annotations.
type Pod struct {
	// Namespace and Name are the pod's; UID is the API server's.
	Namespace, Name, UID string
	// Container is the container's name in the pod; empty for its sandbox.
	Container string
	// Image is the container's, as the pod names it.
	Image string
}

// podKeys are the annotations of containerd (pkg/cri/annotations) and of CRI-O
// (internal/annotations); the first that is there counts.
var podKeys = struct{ namespace, name, uid, container, image []string }{
	namespace: []string{"io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"},
	name:      []string{"io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"},
	uid:       []string{"io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid"},
	container: []string{"io.kubernetes.cri.container-name", "io.kubernetes.container.name"},
	image:     []string{"io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName"},
}

// sandboxName is what CRI-O, after dockershim, calls a sandbox's container.
const sandboxName = "POD"

// PodOf reads a container's pod from its annotations; ok is false for a
// container of no pod.
func PodOf(annotations map[string]string) (pod Pod, ok bool) {
	first := func(keys []string) string {
		for _, key := range keys {
			if value, there := annotations[key]; there {
				ok = true
				return value
			}
		}
		return ""
	}
	pod = Pod{
		Namespace: first(podKeys.namespace),
		Name:      first(podKeys.name),
		UID:       first(podKeys.uid),
	}
	if !ok {
		return Pod{}, false
	}
	pod.Container, pod.Image = first(podKeys.container), first(podKeys.image)
	if pod.Container == sandboxName {
		pod.Container = ""
	}
	return pod, true
}
