package pct

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/berth-oci/berth/spec"
)

const longestLabel = 63

// podName returns the name of a pod's container: POD-CONTAINER, or POD for the sandbox. If it is
// too long, the pod's name is cut, because the pod's tag has it in full.
func podName(pod spec.Pod) string {
	name := dnsLabel(pod.Container)
	if name == "" {
		return dnsLabel(pod.Name)
	}
	front := dnsLabel(pod.Name)
	if room := longestLabel - len("-") - len(name); len(front) > room {
		front = front[:max(0, room)]
	}
	return strings.TrimLeft(front+"-"+name, "-")
}

// tagPattern is Proxmox VE's pattern for a tag (pve-tag).
const tagPattern = `^[a-z0-9_][a-z0-9_+.-]*$`

// podTag returns the tag that the CTs of one pod share: NAMESPACE.POD. It returns "" if the names
// are not valid in Kubernetes.
func podTag(pod spec.Pod) string {
	if pod.Namespace == "" || pod.Name == "" {
		return ""
	}
	tag := pod.Namespace + "." + pod.Name
	// A namespace's name has up to 63 characters, a pod's name up to 253.
	if len(tag) > 63+1+253 || !regexp.MustCompile(tagPattern).MatchString(tag) {
		return ""
	}
	return tag
}

// podText returns the line of a CT's description about the pod.
func podText(pod spec.Pod) string {
	const most = 256
	what := "sandbox"
	if pod.Container != "" {
		what = "container " + quoted(pod.Container, most)
	}
	text := fmt.Sprintf("Kubernetes: %s of pod %s in namespace %s", what, quoted(pod.Name, most), quoted(pod.Namespace, most))
	if pod.UID != "" {
		text += ", uid " + quoted(pod.UID, most)
	}
	if pod.Image != "" {
		text += ", image " + quoted(pod.Image, most)
	}
	return text + "."
}

// dnsLabel converts a name to one DNS label of at most 63 characters (RFC 1035); "" if nothing is
// left of it.
func dnsLabel(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		default:
			b.WriteByte('-')
		}
	}
	label := b.String()
	if len(label) > longestLabel {
		label = label[:longestLabel]
	}
	return strings.Trim(label, "-")
}
