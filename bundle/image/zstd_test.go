package image

import (
	"bytes"
	"io"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// TestZstd checks that streams from zstd(1) and other writers can be read, and that truncated or
// damaged streams and those with too large a window are refused.
func TestZstd(t *testing.T) {
	t.Parallel()
	plain := bytes.Repeat([]byte("a line of text\n"), 20000)
	whole := zstdOf(plain)
	skippable := []byte{0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3}
	var checked bytes.Buffer
	w, err := zstd.NewWriter(&checked, zstd.WithEncoderCRC(true))
	if err != nil {
		t.Fatal(err)
	}
	w.Write(plain)
	w.Close()
	sum := checked.Bytes()
	for name, c := range map[string]struct{ data, want []byte }{
		"whole":           {whole, plain},
		"empty":           {zstdOf(nil), []byte{}},
		"two frames":      {slices.Concat(whole, whole), slices.Concat(plain, plain)},
		"skippable frame": {slices.Concat(skippable, whole), plain},
		"cut short":       {whole[:len(whole)-3], nil},
		"header alone":    {whole[:5], nil},
		"wrong checksum":  {append(slices.Clone(sum[:len(sum)-1]), ^sum[len(sum)-1]), nil},
		"no frame behind": {append(slices.Clone(whole), "and more"...), nil},
		// RFC 8878, 3.1.1.1.2: an exponent of 18 is 256 MiB.
		"window too large": {[]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 18 << 3, 1, 0, 0}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			z, err := Decompress(bytes.NewReader(c.data))
			if err != nil {
				t.Fatal(err)
			}
			defer z.Close()
			got, err := io.ReadAll(z)
			switch {
			case (err != nil) != (c.want == nil):
				t.Errorf("%d bytes, %v", len(got), err)
			case err == nil && !bytes.Equal(got, c.want):
				t.Errorf("%d bytes, not the %d that were compressed", len(got), len(c.want))
			}
		})
	}
}
