package spec

// Pod describes the container's place in a Kubernetes pod, as the engine's annotations give it. Use
// it for display and for the administrator's rules: anyone can write annotations.
type Pod struct {
	// Namespace and Name are the pod's namespace and name. UID is its uid in the API server.
	Namespace, Name, UID string
	// Container is the name of the container in the pod. It is empty for the pod's sandbox.
	Container string
	// Image is the container's image as the pod names it.
	Image string
}

// podKeys lists the annotations of containerd (pkg/cri/annotations) and of CRI-O
// (internal/annotations). The first one that is present counts.
var podKeys = struct{ namespace, name, uid, container, image []string }{
	namespace: []string{"io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"},
	name:      []string{"io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"},
	uid:       []string{"io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid"},
	container: []string{"io.kubernetes.cri.container-name", "io.kubernetes.container.name"},
	image:     []string{"io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName"},
}

// sandboxName is the container name that CRI-O gives a sandbox, as dockershim did.
const sandboxName = "POD"

// PodOf reads a container's pod from its annotations. ok is false if the container belongs to no
// pod.
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
