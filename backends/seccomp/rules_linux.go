//go:build cgo

package seccomp

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"

	"github.com/berth-oci/berth/spec"
)

var libArchs = map[specs.Arch]libseccomp.ScmpArch{
	specs.ArchX86:         libseccomp.ArchX86,
	specs.ArchX86_64:      libseccomp.ArchAMD64,
	specs.ArchX32:         libseccomp.ArchX32,
	specs.ArchARM:         libseccomp.ArchARM,
	specs.ArchAARCH64:     libseccomp.ArchARM64,
	specs.ArchMIPS:        libseccomp.ArchMIPS,
	specs.ArchMIPS64:      libseccomp.ArchMIPS64,
	specs.ArchMIPS64N32:   libseccomp.ArchMIPS64N32,
	specs.ArchMIPSEL:      libseccomp.ArchMIPSEL,
	specs.ArchMIPSEL64:    libseccomp.ArchMIPSEL64,
	specs.ArchMIPSEL64N32: libseccomp.ArchMIPSEL64N32,
	specs.ArchPPC:         libseccomp.ArchPPC,
	specs.ArchPPC64:       libseccomp.ArchPPC64,
	specs.ArchPPC64LE:     libseccomp.ArchPPC64LE,
	specs.ArchS390:        libseccomp.ArchS390,
	specs.ArchS390X:       libseccomp.ArchS390X,
	specs.ArchPARISC:      libseccomp.ArchPARISC,
	specs.ArchPARISC64:    libseccomp.ArchPARISC64,
	specs.ArchRISCV64:     libseccomp.ArchRISCV64,
	specs.ArchLOONGARCH64: libseccomp.ArchLOONGARCH64,
	specs.ArchM68K:        libseccomp.ArchM68K,
	specs.ArchSH:          libseccomp.ArchSH,
	specs.ArchSHEB:        libseccomp.ArchSHEB,
}

var libActions = map[specs.LinuxSeccompAction]libseccomp.ScmpAction{
	specs.ActKill:        libseccomp.ActKillThread,
	specs.ActKillThread:  libseccomp.ActKillThread,
	specs.ActKillProcess: libseccomp.ActKillProcess,
	specs.ActTrap:        libseccomp.ActTrap,
	specs.ActErrno:       libseccomp.ActErrno,
	specs.ActTrace:       libseccomp.ActTrace,
	specs.ActAllow:       libseccomp.ActAllow,
	specs.ActLog:         libseccomp.ActLog,
	specs.ActNotify:      libseccomp.ActNotify,
}

var libOperators = map[specs.LinuxSeccompOperator]libseccomp.ScmpCompareOp{
	specs.OpNotEqual:     libseccomp.CompareNotEqual,
	specs.OpLessThan:     libseccomp.CompareLess,
	specs.OpLessEqual:    libseccomp.CompareLessOrEqual,
	specs.OpEqualTo:      libseccomp.CompareEqual,
	specs.OpGreaterEqual: libseccomp.CompareGreaterEqual,
	specs.OpGreaterThan:  libseccomp.CompareGreater,
	specs.OpMaskedEqual:  libseccomp.CompareMaskedEqual,
}

const (
	// maxArgs is the number of arguments that a filter sees (struct seccomp_data).
	maxArgs = 6
	// maxErrno is the kernel's MAX_ERRNO. libseccomp takes values below it.
	maxErrno = 4095
)

// action converts an action and its errno (default EPERM) to libseccomp's action.
func action(name specs.LinuxSeccompAction, errno *uint, path, errnoPath string) (libseccomp.ScmpAction, error) {
	act, ok := libActions[name]
	if !ok {
		return libseccomp.ActInvalid, spec.Fieldf(path, "unknown action %q", name)
	}
	code := uint(unix.EPERM)
	if errno != nil {
		code = *errno
	}
	switch act {
	case libseccomp.ActErrno:
		if code >= maxErrno {
			return libseccomp.ActInvalid, spec.Fieldf(errnoPath, "%d is not an errno (0 to %d)", code, maxErrno-1)
		}
		return act.SetReturnCode(int16(code)), nil
	case libseccomp.ActTrace:
		if code > unix.SECCOMP_RET_DATA {
			return libseccomp.ActInvalid, spec.Fieldf(errnoPath, "%d does not fit into 16 bits", code)
		}
		return act.SetReturnCode(int16(uint16(code))), nil
	}
	if errno != nil {
		return libseccomp.ActInvalid, spec.Fieldf(errnoPath, "the action %s cannot return an errno", name)
	}
	return act, nil
}

// addRules adds syscalls[i] of the profile to the filter.
func addRules(lib *libseccomp.ScmpFilter, call *specs.LinuxSyscall, def libseccomp.ScmpAction, i int) error {
	path := fmt.Sprintf("linux.seccomp.syscalls[%d]", i)
	act, err := action(call.Action, call.ErrnoRet, path+".action", path+".errnoRet")
	if err != nil {
		return err
	}
	conds, apart, err := conditions(call.Args, path)
	if err != nil {
		return err
	}
	for j, name := range call.Names {
		if name == "" {
			return spec.Fieldf(fmt.Sprintf("%s.names[%d]", path, j), "an empty string is not a valid system call")
		}
		if act == libseccomp.ActNotify && name == "write" {
			// The process that passes on the listener's descriptor needs write to announce it,
			// while the filter already applies to it.
			return spec.Fieldf(fmt.Sprintf("%s.names[%d]", path, j), "SCMP_ACT_NOTIFY cannot be used for the write system call")
		}
		if act == def {
			continue
		}
		number, err := libseccomp.GetSyscallFromName(name)
		if err != nil {
			continue
		}
		if err := addRule(lib, number, act, conds, apart); err != nil {
			return spec.Fieldf(fmt.Sprintf("%s.names[%d]", path, j), "add a rule for %s: %w", name, err)
		}
	}
	return nil
}

// Passed returns a warning for each rule that has no effect for some of its names, because
// libseccomp has no system call with that name and the default action allows the call. Rules that
// allow a call are left out.
func Passed(s *specs.LinuxSeccomp) []error {
	if empty(s) || refuses[s.DefaultAction] {
		return nil
	}
	var list []error
	for i := range s.Syscalls {
		call := &s.Syscalls[i]
		if call.Action == s.DefaultAction || call.Action == specs.ActAllow || call.Action == specs.ActLog {
			continue
		}
		unknown := ""
		more := 0
		for _, name := range call.Names {
			if _, err := libseccomp.GetSyscallFromName(name); err == nil {
				continue
			}
			if len(unknown) > mostNamed {
				more++
				continue
			}
			if unknown != "" {
				unknown += ", "
			}
			unknown += fmt.Sprintf("%.40q", name)
		}
		if more > 0 {
			unknown += fmt.Sprintf(" and %d more", more)
		}
		if unknown != "" {
			list = append(list, spec.Fieldf(fmt.Sprintf("linux.seccomp.syscalls[%d].names", i), "ignored: libseccomp %s does not know %s, so %s does not apply",
				LibraryVersion(), unknown, call.Action))
		}
	}
	return list
}

// mostNamed is the length of the list of names above which further names are only counted.
const mostNamed = 200

// refuses are the default actions under which a system call without a rule fails.
var refuses = map[specs.LinuxSeccompAction]bool{
	specs.ActKill: true, specs.ActKillThread: true, specs.ActKillProcess: true, specs.ActTrap: true, specs.ActErrno: true,
}

func addRule(lib *libseccomp.ScmpFilter, number libseccomp.ScmpSyscall, act libseccomp.ScmpAction,
	conds []libseccomp.ScmpCondition, apart bool) error {
	switch {
	case len(conds) == 0:
		return lib.AddRule(number, act)
	case !apart:
		return lib.AddRuleConditional(number, act, conds)
	}
	for i := range conds {
		if err := lib.AddRuleConditional(number, act, conds[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// conditions converts the args of a rule to libseccomp's conditions. apart is true if two of them
// are on the same argument. Each condition then has to be a separate rule.
func conditions(args []specs.LinuxSeccompArg, path string) (conds []libseccomp.ScmpCondition, apart bool, err error) {
	var seen [maxArgs]bool
	for i, arg := range args {
		op, ok := libOperators[arg.Op]
		switch {
		case !ok:
			return nil, false, spec.Fieldf(fmt.Sprintf("%s.args[%d].op", path, i), "unknown operator %q", arg.Op)
		case arg.Index >= maxArgs:
			return nil, false, spec.Fieldf(fmt.Sprintf("%s.args[%d].index", path, i), "%d is not an argument (0 to %d)", arg.Index, maxArgs-1)
		}
		cond, err := libseccomp.MakeCondition(arg.Index, op, arg.Value, arg.ValueTwo)
		if err != nil {
			return nil, false, &spec.FieldError{Path: fmt.Sprintf("%s.args[%d]", path, i), Err: err}
		}
		apart = apart || seen[arg.Index]
		seen[arg.Index] = true
		conds = append(conds, cond)
	}
	return conds, apart, nil
}
