package spec

import "strings"

// Engine returns the name of the container engine that wrote the annotations: "podman", "cri-o",
// "containerd", "nerdctl" or "buildah". It returns "" if the annotations do not identify one, such
// as those of docker and ctr. Use it only for display: anyone can write annotations.
func Engine(annotations map[string]string) string {
	switch annotations["io.container.manager"] {
	case "libpod":
		return "podman"
	case "cri-o":
		return "cri-o"
	}
	found := ""
	for k := range annotations {
		for _, p := range engines {
			// Take the smallest name, because the order of a map is random.
			if strings.HasPrefix(k, p.prefix) && (found == "" || p.engine < found) {
				found = p.engine
			}
		}
	}
	return found
}

var engines = []struct{ prefix, engine string }{
	{"io.kubernetes.cri-o.", "cri-o"},
	{"io.kubernetes.cri.", "containerd"},
	{"io.podman.annotations.", "podman"},
	{"io.buildah.", "buildah"},
	{"nerdctl/", "nerdctl"},
}
