// Berth is an OCI runtime: see README.md.
package main

import (
	"os"

	"github.com/berth-oci/berth/backends/stage"
	"github.com/berth-oci/berth/runtime/command"
)

func main() {
	stage.Main()
	os.Exit(command.Run(os.Args))
}
