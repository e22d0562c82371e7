//go:build coverage

package command

import _ "github.com/berth-oci/berth/integration/coverage" // counts what runs in a berth built for it
