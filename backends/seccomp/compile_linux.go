//go:build cgo

package seccomp

import (
	"fmt"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

// optimizeFrom is the number of named system calls above which libseccomp makes a binary tree
// instead of a list. libseccomp up to 2.5.4 makes wrong programs for a tree without rules. A tree
// node holds four calls, so a short list gains nothing from a tree.
const optimizeFrom = 32

// Compile compiles s, the value of linux.seccomp, to a filter. It returns nil and no error if s is
// nil or has neither a default action nor a rule. Errors name the JSON path of the wrong field.
func Compile(s *specs.LinuxSeccomp) (*Filter, error) {
	if empty(s) {
		return nil, nil
	}
	def, err := action(s.DefaultAction, s.DefaultErrnoRet, "linux.seccomp.defaultAction", "linux.seccomp.defaultErrnoRet")
	if err != nil {
		return nil, err
	}
	if def == libseccomp.ActNotify {
		return nil, spec.Fieldf("linux.seccomp.defaultAction", "SCMP_ACT_NOTIFY cannot be used as default action")
	}
	lib, err := libseccomp.NewFilter(def)
	if err != nil {
		return nil, fmt.Errorf("make a seccomp filter with the default action %s: %w", s.DefaultAction, err)
	}
	defer lib.Release()

	archs, err := addArchs(lib, s.Architectures)
	if err != nil {
		return nil, err
	}
	names, listener := 0, false
	for i := range s.Syscalls {
		names += len(s.Syscalls[i].Names)
		listener = listener || s.Syscalls[i].Action == specs.ActNotify
	}
	if names > optimizeFrom {
		// An older libseccomp has no tree. Its list makes the same decisions.
		_ = lib.SetOptimize(2)
	}
	for i := range s.Syscalls {
		if err := addRules(lib, &s.Syscalls[i], def, i); err != nil {
			return nil, err
		}
	}
	flags, err := filterFlags(s.Flags, listener)
	if err != nil {
		return nil, err
	}
	program, err := export(lib)
	if err != nil {
		return nil, err
	}
	if forbids(def) {
		program = append(enosysStub(newest(s.Syscalls, archs)), program...)
	}
	f := &Filter{Flags: flags, Program: program, Listener: listener}
	return f, f.check()
}

// addArchs adds the profile's architectures to the native one. It returns all of them, keyed by
// libseccomp's name.
func addArchs(lib *libseccomp.ScmpFilter, list []specs.Arch) (map[libseccomp.ScmpArch]uint32, error) {
	native, err := libseccomp.GetNativeArch()
	if err != nil {
		return nil, fmt.Errorf("get the native architecture from libseccomp: %w", err)
	}
	archs := map[libseccomp.ScmpArch]uint32{}
	for name, arch := range libArchs {
		if arch == native {
			archs[native] = auditArchs[name]
		}
	}
	for i, name := range list {
		arch, ok := libArchs[name]
		if !ok {
			return nil, spec.Fieldf(fmt.Sprintf("linux.seccomp.architectures[%d]", i), "unknown architecture %q", name)
		}
		if err := lib.AddArch(arch); err != nil {
			return nil, spec.Fieldf(fmt.Sprintf("linux.seccomp.architectures[%d]", i), "add %s to the filter: %w", name, err)
		}
		archs[arch] = auditArchs[name]
	}
	return archs, nil
}

// filterFlags converts flag names to bits. A nil list means SECCOMP_FILTER_FLAG_SPEC_ALLOW if the
// kernel has it: the specification's example has this flag, and it is every runtime's default.
func filterFlags(list []specs.LinuxSeccompFlag, listener bool) (uint32, error) {
	if list == nil {
		if flagSupported(unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW) {
			return unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, nil
		}
		return 0, nil
	}
	var flags uint32
	for i, name := range list {
		at := fmt.Sprintf("linux.seccomp.flags[%d]", i)
		bit, ok := flagBits[name]
		switch {
		case !ok:
			return 0, spec.Fieldf(at, "unknown flag %q", name)
		case bit != 0 && !flagSupported(bit):
			return 0, spec.Fieldf(at, "the kernel does not support %s", name)
		case bit == unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV && !listener:
			return 0, spec.Fieldf(at, "%s requires a rule with SCMP_ACT_NOTIFY", name)
		}
		flags |= bit
	}
	return flags, nil
}

// export returns libseccomp's program. It uses a memfd, because a pipe could fill up and block.
func export(lib *libseccomp.ScmpFilter) ([]byte, error) {
	fd, err := unix.MemfdCreate("seccomp", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_create for the seccomp filter: %w", err)
	}
	file := os.NewFile(uintptr(fd), "seccomp filter")
	defer file.Close()
	if err := lib.ExportBPF(file); err != nil {
		return nil, fmt.Errorf("export the seccomp filter from libseccomp: %w", err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("stat the exported seccomp filter: %w", err)
	}
	program := make([]byte, st.Size)
	if _, err := file.ReadAt(program, 0); err != nil {
		return nil, fmt.Errorf("read the exported seccomp filter: %w", err)
	}
	return program, nil
}

// LibraryVersion returns the version of libseccomp, or "" in a build without it.
func LibraryVersion() string {
	major, minor, micro := libseccomp.GetLibraryVersion()
	return fmt.Sprintf("%d.%d.%d", major, minor, micro)
}
