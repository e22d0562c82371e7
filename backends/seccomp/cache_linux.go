package seccomp

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

const (
	// cacheVersion is part of every key. Raise it whenever Compile makes a different program from
	// the same input.
	cacheVersion = 1
	entryMagic   = "berth seccomp 1\n"
	// entryHead is the length of an entry without its program: magic, key, digest, flags, listener.
	entryHead = len(entryMagic) + 2*sha256.Size + 8
	entryMax  = entryHead + maxInstructions*instructionSize
)

// Cached is [Compile] with a cache in the directory dir. Engines use the same profile for most
// containers, and libseccomp takes some 10 ms to compile it.
//
// The key of an entry is the SHA-256 of the profile, of libseccomp's version and of the kernel's
// version. Only complete entries are used. Cached makes dir if it is missing (mode 0700), and does
// not use it if other users could write to it. The cache never causes an error: if it fails, Cached
// calls Compile.
func Cached(s *specs.LinuxSeccomp, dir string) (*Filter, error) {
	if empty(s) {
		return nil, nil
	}
	key, err := cacheKey(s)
	if err != nil {
		return Compile(s)
	}
	store, err := openStore(dir)
	if err != nil {
		return Compile(s)
	}
	defer store.close()
	name := hex.EncodeToString(key[:])
	if data, err := store.read(name); err == nil {
		if f, err := parseEntry(data, key); err == nil {
			return f, nil
		}
	}
	f, err := Compile(s)
	if err != nil {
		return nil, err
	}
	_ = store.write(name, formatEntry(f, key))
	return f, nil
}

func empty(s *specs.LinuxSeccomp) bool {
	return s == nil || s.DefaultAction == "" && len(s.Syscalls) == 0
}

// cacheKey hashes everything that a program depends on.
func cacheKey(s *specs.LinuxSeccomp) (key [sha256.Size]byte, err error) {
	profile, err := json.Marshal(s)
	if err != nil {
		return key, fmt.Errorf("encode the seccomp profile: %w", err)
	}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return key, fmt.Errorf("uname: %w", err)
	}
	h := sha256.New()
	// nil flags and an empty list of flags are the same in JSON, but mean different things.
	fmt.Fprintf(h, "%d %s libseccomp %s %t\n", cacheVersion, runtime.GOARCH, LibraryVersion(), s.Flags == nil)
	h.Write(uts.Release[:])
	h.Write(uts.Version[:])
	h.Write(uts.Machine[:])
	h.Write(profile)
	h.Sum(key[:0])
	return key, nil
}

// formatEntry encodes an entry: magic, key, SHA-256 of the rest, flags, listener, program.
func formatEntry(f *Filter, key [sha256.Size]byte) []byte {
	body := binary.NativeEndian.AppendUint32(nil, f.Flags)
	var listener uint32
	if f.Listener {
		listener = 1
	}
	body = binary.NativeEndian.AppendUint32(body, listener)
	body = append(body, f.Program...)
	digest := sha256.Sum256(body)
	data := make([]byte, 0, entryHead+len(f.Program))
	data = append(data, entryMagic...)
	data = append(data, key[:]...)
	data = append(data, digest[:]...)
	return append(data, body...)
}

var errEntry = errors.New("not an entry of the seccomp cache for this profile")

// parseEntry decodes an entry and checks all of it, because half a filter would be worse than none.
func parseEntry(data []byte, key [sha256.Size]byte) (*Filter, error) {
	if len(data) < entryHead || string(data[:len(entryMagic)]) != entryMagic {
		return nil, errEntry
	}
	rest := data[len(entryMagic):]
	body := rest[2*sha256.Size:]
	if [sha256.Size]byte(rest) != key || [sha256.Size]byte(rest[sha256.Size:]) != sha256.Sum256(body) {
		return nil, errEntry
	}
	f := &Filter{
		Flags:    binary.NativeEndian.Uint32(body),
		Listener: binary.NativeEndian.Uint32(body[4:]) != 0,
		Program:  body[8:],
	}
	return f, f.check()
}

// openStore opens the directory dir and makes it if it is missing. It fails if other users could
// write to dir.
func openStore(dir string) (*store, error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Open(dir, flags, 0)
	if errors.Is(err, unix.ENOENT) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the seccomp cache: %w", err)
		}
		fd, err = unix.Open(dir, flags, 0)
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	s := &store{dir: fd}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		s.close()
		return nil, &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	if int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0 {
		s.close()
		return nil, fmt.Errorf("the seccomp cache %s belongs to uid %d with mode %#o: other users could write to it",
			dir, st.Uid, st.Mode&0o7777)
	}
	return s, nil
}
