package image

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// Digest names content by its hash, as ALGORITHM:HEX (image-spec descriptor.md, Digests). berth
// does not use opencontainers/go-digest, because a berth process starts for every container and
// would compile that package's regular expressions each time.
type Digest string

// algorithms maps the algorithms that berth supports to their hashes.
var algorithms = map[string]func() hash.Hash{"sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New}

func newDigest(algorithm string, sum hash.Hash) Digest {
	return Digest(algorithm + ":" + hex.EncodeToString(sum.Sum(nil)))
}

// split returns the algorithm and the hash in hexadecimal.
func (d Digest) split() (algorithm, encoded string) {
	algorithm, encoded, _ = strings.Cut(string(d), ":")
	return algorithm, encoded
}

// check returns an error if d is not a valid digest, and so not safe as a file name.
func (d Digest) check() error {
	algorithm, encoded := d.split()
	make, ok := algorithms[algorithm]
	if !ok {
		return fmt.Errorf("digest %.100q: must be sha256:, sha384: or sha512:, followed by the hash in hexadecimal", string(d))
	}
	if n := 2 * make().Size(); len(encoded) != n || strings.Trim(encoded, "0123456789abcdef") != "" {
		return fmt.Errorf("digest %.200q: the hash must have %d digits, 0-9 and a-f", string(d), n)
	}
	return nil
}

// hash returns a new hash of the digest's algorithm. check must have accepted d.
func (d Digest) hash() hash.Hash {
	algorithm, _ := d.split()
	return algorithms[algorithm]()
}

// is reports whether sum is the digest d. It also returns the digest that sum has.
func (d Digest) is(sum hash.Hash) (got Digest, ok bool) {
	algorithm, _ := d.split()
	got = newDigest(algorithm, sum)
	return got, got == d
}
