package command

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// size reads a number of bytes with a binary unit, such as 512M or 10G. flag is its name in errors.
func size(flag, text string) (int64, error) {
	number, unit := text, int64(1)
	for i, suffix := range []string{"K", "M", "G", "T"} {
		if rest, ok := strings.CutSuffix(strings.ToUpper(text), suffix); ok {
			number, unit = rest, 1<<(10*(i+1))
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%s must be a number with a unit, such as 10G, not %q", flag, text)
	}
	return n * unit, nil
}
