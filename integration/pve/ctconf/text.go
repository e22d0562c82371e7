package ctconf

import (
	"fmt"
	"strings"
)

// Encode does what PVE's encode_text does: control characters, bytes above 0x7e, ':' and '%' become
// %XX.
func Encode(s string) string {
	var text strings.Builder
	for _, b := range []byte(s) {
		if b < 0x20 || b > 0x7e || b == ':' || b == '%' {
			fmt.Fprintf(&text, "%%%02X", b)
		} else {
			text.WriteByte(b)
		}
	}
	return text.String()
}

// Decode is the inverse of Encode. A % without two hexadecimal digits stays.
func Decode(s string) string {
	var text strings.Builder
	for i := 0; i < len(s); i++ {
		var b byte
		if s[i] == '%' && i+2 < len(s) && hexDigit(s[i+1]) && hexDigit(s[i+2]) {
			_, _ = fmt.Sscanf(s[i+1:i+3], "%02x", &b)
			i += 2
		} else {
			b = s[i]
		}
		text.WriteByte(b)
	}
	return text.String()
}

func hexDigit(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F'
}
