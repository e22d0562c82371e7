// Berth is started for each command and is gone in milliseconds: Go need not
// keep an eye, and two descriptors, on the CPU time that its cgroup has.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Berth is an OCI runtime: see README.md.
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
