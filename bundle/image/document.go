package image

import "time"

// The documents of an image layout, with the fields that berth reads (image-spec image-layout.md,
// image-index.md, manifest.md, config.md). image-spec's own Go types would import go-digest; see
// Digest.

const (
	layoutFile = "oci-layout"
	indexFile  = "index.json"
	blobsDir   = "blobs"

	mediaTypeManifest = "application/vnd.oci.image.manifest.v1+json"
	mediaTypeIndex    = "application/vnd.oci.image.index.v1+json"
	mediaTypeLayer    = "application/vnd.oci.image.layer.v1.tar"

	// annotationName is the annotation with an image's name in an index.
	annotationName = "org.opencontainers.image.ref.name"
)

type layoutDocument struct {
	Version string `json:"imageLayoutVersion"`
}

type indexDocument struct {
	Manifests []descriptor `json:"manifests"`
}

type manifestDocument struct {
	Config descriptor   `json:"config"`
	Layers []descriptor `json:"layers"`
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      Digest            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations"`
	Platform    *imagePlatform    `json:"platform"`
}

type imagePlatform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Variant      string `json:"variant"`
}

func (o *imagePlatform) String() string {
	return Platform{o.OS, o.Architecture, o.Variant}.String()
}

// Config is the configuration of an image: its platform, its layers, and how to run it.
type Config struct {
	Created      *time.Time `json:"created"`
	Author       string     `json:"author"`
	Architecture string     `json:"architecture"`
	OS           string     `json:"os"`
	Variant      string     `json:"variant"`
	// Config holds the defaults for a container of the image.
	Config Execution `json:"config"`
	RootFS struct {
		DiffIDs []Digest `json:"diff_ids"`
	} `json:"rootfs"`
}

func (c *Config) platform() imagePlatform {
	return imagePlatform{Architecture: c.Architecture, OS: c.OS, Variant: c.Variant}
}

// Execution is the config object in an image's configuration (image-spec config.md, Properties).
type Execution struct {
	User         string
	ExposedPorts map[string]struct{}
	Env          []string
	Entrypoint   []string
	Cmd          []string
	Volumes      map[string]struct{}
	WorkingDir   string
	Labels       map[string]string
	StopSignal   string
}
