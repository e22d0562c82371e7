package command

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/urfave/cli/v2"
)

var featuresCommand = &cli.Command{
	Name:  "features",
	Usage: "show the enabled features",
	Description: `Show which parts of the runtime specification are supported, as JSON (features.md of
the specification).`,
	Action: func(c *cli.Context) error {
		if err := noArguments(c); err != nil {
			return err
		}
		if err := handOverFeatures(c); err != nil {
			return err
		}
		f := backendFeatures()
		f.OCIVersionMin, f.OCIVersionMax = "1.0.0", specs.Version
		f.Hooks = []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}
		if f.Annotations == nil {
			f.Annotations = map[string]string{}
		}
		f.Annotations["io.github.berth-oci.berth.version"] = Version
		if Commit != "" {
			f.Annotations["io.github.berth-oci.berth.commit"] = Commit
		}
		return printJSON(c, f)
	},
}

// handOverFeatures hands the command over if the backend is another runtime. It then does not return
// unless that runtime cannot be run.
func handOverFeatures(c *cli.Context) error {
	chooser, err := chooser(c)
	if err != nil {
		return err
	}
	choice, err := chooser.General()
	if err != nil {
		return err
	}
	r, err := open(c)
	if err != nil {
		return err
	}
	return r.other.General(choice.Backend)
}
