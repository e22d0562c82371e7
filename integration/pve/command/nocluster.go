//go:build linux

package command

import (
	"fmt"
	"os"

	"github.com/berth-oci/berth/integration/pve/failure"
	"github.com/berth-oci/berth/integration/pve/host"
)

// noCluster fails every command while pmxcfs does not answer. The first command first waits for
// pmxcfs to come back.
func noCluster(h *host.Host) int {
	mark := h.Path("/run/pve-standin-pmxcfs-down")
	if file, err := os.OpenFile(mark, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
		_ = file.Close()
		host.Spend(h.Settings.Latency.DownFirst)
	}
	for i := 1; i <= 3; i++ {
		fmt.Fprintf(os.Stderr, "ipcc_send_rec[%d] failed: Connection refused\n", i)
	}
	fmt.Fprintln(os.Stderr, "Unable to load access control list: Connection refused")
	return failure.StatusNoCluster
}
