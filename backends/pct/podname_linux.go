package pct

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/berth-oci/berth/spec"
)

const longestLabel = 63

// podName names a container of a pod: POD-CONTAINER, and the sandbox POD. Where
// that is too long it is the pod's name that is cut, for the tag has it whole.
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

// tagPattern is Proxmox VE's for a tag (pve-tag).
const tagPattern = `^[a-z0-9_][a-z0-9_+.-]*$`

// podTag is what the CTs of one pod have in common, to find them by:
// NAMESPACE.POD. It is empty for names that are none of Kubernetes'.
func podTag(pod spec.Pod) string {
	if pod.Namespace == "" || pod.Name == "" {
		return ""
	}
	tag := pod.Namespace + "." + pod.Name
	// A namespace has up to 63 characters, a pod's name up to 253.
	if len(tag) > 63+1+253 || !regexp.MustCompile(tagPattern).MatchString(tag) {
		return ""
	}
	return tag
}

// podText is a line of a CT's description.
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

// dnsLabel turns a name into one DNS label of at most 63 characters (RFC 1035).
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
