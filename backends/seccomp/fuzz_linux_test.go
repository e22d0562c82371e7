//go:build cgo

package seccomp

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// FuzzEntry puts arbitrary data into the cache. Either the data is an entry written for this
// profile that the kernel could take, or the filter is compiled anew.
func FuzzEntry(f *testing.F) {
	s := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"reboot"}, Action: specs.ActErrno}}}
	key, err := cacheKey(s)
	if err != nil {
		f.Fatal(err)
	}
	compiled, err := Compile(s)
	if err != nil {
		f.Fatal(err)
	}
	whole := formatEntry(compiled, key)
	f.Add(whole, uint32(0), false)
	f.Add(whole[:len(whole)-8], uint32(0), false)
	f.Add(whole[:40], uint32(0), false)
	f.Add(append(bytes.Clone(whole), 0), uint32(0), false)
	f.Add(compiled.Program, uint32(2), true)
	f.Add([]byte{6, 0, 0, 0, 0, 0, 0xff, 0x7f}, uint32(0), true)
	f.Add([]byte{}, uint32(0xffffffff), true)
	f.Add(make([]byte, (maxInstructions+1)*instructionSize), uint32(0), true)
	f.Fuzz(func(t *testing.T, data []byte, flags uint32, sealed bool) {
		if sealed { // with the right digest
			data = formatEntry(&Filter{Program: data, Flags: flags, Listener: flags&1 != 0}, key)
		}
		got, err := parseEntry(data, key)
		if err == nil {
			if got.check() != nil || !bytes.Equal(formatEntry(got, key)[len(entryMagic)+2*sha256.Size+8:], got.Program) {
				t.Fatalf("%x: %+v", data, got)
			}
			{
				other := key
				other[0]++
				if _, err := parseEntry(data, other); err == nil {
					t.Fatalf("%x is another profile's, too", data)
				}
			}
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, hex.EncodeToString(key[:])), data, 0o600); err != nil {
			t.Fatal(err)
		}
		used, cacheErr := Cached(s, dir)
		if cacheErr != nil || used.check() != nil {
			t.Fatalf("%x: %v, %v", data, used, cacheErr)
		}
		if err != nil && !bytes.Equal(used.Program, compiled.Program) {
			t.Fatalf("%x was used", data)
		}
	})
}
