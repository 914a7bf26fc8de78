package box

import (
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/elastic/go-seccomp-bpf/arch"
	dockerseccomp "github.com/moby/profiles/seccomp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const (
	enosys  = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	x32     = 0x40000000 // bit of the x32 call numbers
	longest = 250        // instructions a jump can pass over
)

// toEnd marks a jump to just behind the rule that it is in; place puts the distance in.
const toEnd = 255

// Filter compiles Docker's default seccomp profile, for a process without capabilities, to the kernel's form (struct
// sock_filter, native order). libcontainer's own way needs libseccomp's headers; this needs none, and the same bytes
// serve the cold start (in C) and the warm one (in Python).
func Filter() ([]byte, error) {
	prof, err := dockerseccomp.GetDefaultProfile(&specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{}}})
	if err != nil {
		return nil, fmt.Errorf("seccomp: %w", err)
	}
	info, err := arch.GetInfo("")
	if err != nil {
		return nil, fmt.Errorf("seccomp: %w", err)
	}
	p, err := program(prof, info)
	if err != nil {
		return nil, err
	}
	raw, err := bpf.Assemble(p)
	if err != nil {
		return nil, fmt.Errorf("seccomp: %w", err)
	}
	out := make([]byte, 0, 8*len(raw))
	for _, i := range raw {
		out = binary.NativeEndian.AppendUint16(out, i.Op)
		out = append(out, i.Jt, i.Jf)
		out = binary.NativeEndian.AppendUint32(out, i.K)
	}
	return out, nil
}

func program(prof *specs.LinuxSeccomp, info *arch.Info) ([]bpf.Instruction, error) {
	rules, newest := map[int][]specs.LinuxSyscall{}, 0
	for _, n := range info.SyscallNames {
		newest = max(newest, n)
	}
	for _, s := range prof.Syscalls {
		for _, name := range s.Names {
			if nr, ok := info.SyscallNames[name]; ok {
				rules[nr] = append(rules[nr], s)
			}
		}
	}
	refuse := bpf.RetConstant{Val: result(specs.ActErrno, prof.DefaultErrnoRet)}
	p := []bpf.Instruction{
		bpf.LoadAbsolute{Off: 4, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(info.ID), SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS}, // a call of another architecture
		bpf.LoadAbsolute{Off: 0, Size: 4},
	}
	if info.ID == arch.X86_64.ID {
		p = append(p, bpf.JumpIf{Cond: bpf.JumpLessThan, Val: x32, SkipTrue: 1}, bpf.RetConstant{Val: enosys})
	}
	// Newer than we know: the C library then takes the older call.
	p = append(p, bpf.JumpIf{Cond: bpf.JumpLessOrEqual, Val: uint32(newest), SkipTrue: 1}, bpf.RetConstant{Val: enosys})
	for _, nr := range slices.Sorted(maps.Keys(rules)) {
		var body []bpf.Instruction
		final := false
		for _, r := range rules[nr] {
			tests, err := conditions(r.Args)
			if err != nil {
				return nil, err
			}
			body = append(append(body, tests...), bpf.RetConstant{Val: result(r.Action, r.ErrnoRet)})
			if final = len(r.Args) == 0; final {
				break
			}
		}
		if !final {
			body = append(body, refuse)
		}
		if len(body) > longest {
			return nil, fmt.Errorf("seccomp: the rules of call %d are too long", nr)
		}
		p = append(append(p, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(nr), SkipFalse: uint8(len(body))}), body...)
	}
	return append(p, refuse), nil
}

func result(a specs.LinuxSeccompAction, errno *uint) uint32 {
	switch {
	case a == specs.ActAllow:
		return unix.SECCOMP_RET_ALLOW
	case errno != nil:
		return unix.SECCOMP_RET_ERRNO | uint32(*errno)
	}
	return unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
}

// conditions compiles a rule's arguments: all must hold, a failed one jumps past the rule's return. It leaves the call's
// number in the accumulator destroyed, which nobody needs any more: each call has one block.
func conditions(args []specs.LinuxSeccompArg) ([]bpf.Instruction, error) {
	var t []bpf.Instruction
	for _, a := range args {
		lo, hi := uint32(16+8*a.Index), uint32(20+8*a.Index)
		val, mask := a.Value, ^uint64(0)
		switch a.Op {
		case specs.OpMaskedEqual:
			val, mask = a.ValueTwo, a.Value
			fallthrough
		case specs.OpEqualTo:
			for _, w := range []struct{ off, mask, val uint32 }{{hi, uint32(mask >> 32), uint32(val >> 32)}, {lo, uint32(mask), uint32(val)}} {
				t = append(t, bpf.LoadAbsolute{Off: w.off, Size: 4}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: w.mask},
					bpf.JumpIf{Cond: bpf.JumpEqual, Val: w.val, SkipFalse: toEnd})
			}
		case specs.OpNotEqual:
			t = append(t, bpf.LoadAbsolute{Off: hi, Size: 4}, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(val >> 32), SkipFalse: 2},
				bpf.LoadAbsolute{Off: lo, Size: 4}, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(val), SkipTrue: toEnd})
		default:
			return nil, fmt.Errorf("seccomp: operator %s is not compiled", a.Op)
		}
	}
	for i := range t {
		if j, ok := t[i].(bpf.JumpIf); ok {
			end := len(t) - i
			if end > longest {
				return nil, fmt.Errorf("seccomp: a rule with %d instructions is too long", len(t))
			}
			if j.SkipFalse == toEnd {
				j.SkipFalse = uint8(end)
			}
			if j.SkipTrue == toEnd {
				j.SkipTrue = uint8(end)
			}
			t[i] = j
		}
	}
	return t, nil
}

// memfd is an anonymous file with this content; its descriptor is handed to who applies the filter.
func memfd(name string, b []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.Write(b); err != nil {
		f.Close()
		return nil, fmt.Errorf("memfd: %w", err)
	}
	return f, nil
}
