// Each berth process runs one command and exits within milliseconds. The Go runtime therefore need
// not watch the CPU limit of its cgroup, which costs two descriptors.
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Berth is an OCI runtime. See README.md.
package main

import (
	"os"

	"github.com/berth-oci/berth/backends/initproc"
	"github.com/berth-oci/berth/runtime/command"
)

func main() {
	initproc.Main()
	os.Exit(command.Run(os.Args))
}
