package image

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// Digest names content by its hash, as ALGORITHM:HEX (image-spec descriptor.md,
// Digests). It is a type of its own, as berth starts for every container and the
// regular expressions of opencontainers/go-digest would be compiled each time.
type Digest string

// algorithms are those that image-spec registers and Go can tell apart.
var algorithms = map[string]func() hash.Hash{"sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New}

func newDigest(algorithm string, sum hash.Hash) Digest {
	return Digest(algorithm + ":" + hex.EncodeToString(sum.Sum(nil)))
}

// split is the algorithm and the hash in hexadecimal.
func (d Digest) split() (algorithm, encoded string) {
	algorithm, encoded, _ = strings.Cut(string(d), ":")
	return algorithm, encoded
}

// check refuses what could not be a digest, and so not a file's name.
func (d Digest) check() error {
	algorithm, encoded := d.split()
	make, ok := algorithms[algorithm]
	if !ok {
		return fmt.Errorf("digest %.100q: it is sha256:, sha384: or sha512: and the hash in hexadecimal", string(d))
	}
	if n := 2 * make().Size(); len(encoded) != n || strings.Trim(encoded, "0123456789abcdef") != "" {
		return fmt.Errorf("digest %.200q: the hash must be %d of the digits 0-9 and a-f", string(d), n)
	}
	return nil
}

// hash begins to compute such a digest; d has been checked.
func (d Digest) hash() hash.Hash {
	algorithm, _ := d.split()
	return algorithms[algorithm]()
}

// is tells whether a hash of the content is the digest, and what it is else.
func (d Digest) is(sum hash.Hash) (got Digest, ok bool) {
	algorithm, _ := d.split()
	got = newDigest(algorithm, sum)
	return got, got == d
}
