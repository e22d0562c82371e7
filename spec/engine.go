package spec

import "strings"

// Engine names the container engine that wrote the annotations: "podman",
// "cri-o", "containerd", "nerdctl" or "buildah"; "" if they do not tell, as
// those of docker and ctr. It is for display alone: anyone can write
// annotations.
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
			// The smallest name, so that the order of the map has no say.
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
