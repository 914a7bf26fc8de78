package box

import (
	"encoding/binary"
	"testing"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// verdict runs the filter on one system call.
func verdict(t *testing.T, vm *bpf.VM, archID uint32, nr int, args ...uint64) uint32 {
	t.Helper()
	// struct seccomp_data, but in network order: that is what the VM reads words in
	b := make([]byte, 64)
	binary.BigEndian.PutUint32(b, uint32(nr))
	binary.BigEndian.PutUint32(b[4:], archID)
	for i, a := range args {
		binary.BigEndian.PutUint32(b[16+8*i:], uint32(a)) // low word first, as on a little-endian machine
		binary.BigEndian.PutUint32(b[20+8*i:], uint32(a>>32))
	}
	v, err := vm.Run(b)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(v)
}

func TestFilter(t *testing.T) {
	raw, err := Filter()
	if err != nil {
		t.Fatal(err)
	}
	if len(raw) == 0 || len(raw) > 4096*8 {
		t.Fatalf("%d bytes", len(raw))
	}
	var ins []bpf.Instruction
	for i := 0; i < len(raw); i += 8 {
		r := bpf.RawInstruction{Op: binary.NativeEndian.Uint16(raw[i:]), Jt: raw[i+2], Jf: raw[i+3], K: binary.NativeEndian.Uint32(raw[i+4:])}
		ins = append(ins, r.Disassemble())
	}
	vm, err := bpf.NewVM(ins)
	if err != nil {
		t.Fatal(err)
	}
	info, err := arch.GetInfo("")
	if err != nil {
		t.Fatal(err)
	}
	const allow, eperm = uint32(unix.SECCOMP_RET_ALLOW), unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	for _, c := range []struct {
		name string
		args []uint64
		want uint32
	}{
		{"read", nil, allow}, {"execve", nil, allow}, {"openat", nil, allow},
		{"mount", nil, eperm}, {"setns", nil, eperm}, {"unshare", nil, eperm}, {"bpf", nil, eperm}, {"reboot", nil, eperm},
		{"init_module", nil, eperm}, {"keyctl", nil, eperm}, {"perf_event_open", nil, eperm},
		{"clone3", nil, enosys}, // so that the C library takes clone, whose flags can be seen
		{"clone", []uint64{unix.CLONE_VM | unix.CLONE_THREAD}, allow},
		{"clone", []uint64{unix.CLONE_NEWUSER}, eperm}, {"clone", []uint64{unix.CLONE_NEWNET | unix.CLONE_VM}, eperm},
		{"personality", []uint64{0}, allow}, {"personality", []uint64{0xffffffff}, allow}, {"personality", []uint64{1}, eperm}, {"personality", []uint64{1 << 32}, eperm},
		{"socket", []uint64{unix.AF_INET}, allow}, {"socket", []uint64{unix.AF_VSOCK}, eperm},
	} {
		nr, ok := info.SyscallNames[c.name]
		if !ok {
			t.Errorf("no number for %s", c.name)
			continue
		}
		if got := verdict(t, vm, uint32(info.ID), nr, c.args...); got != c.want {
			t.Errorf("%s%x: %#x, want %#x", c.name, c.args, got, c.want)
		}
	}
	if got := verdict(t, vm, uint32(info.ID)^1, 0); got != unix.SECCOMP_RET_KILL_PROCESS {
		t.Errorf("another architecture: %#x", got)
	}
	if got := verdict(t, vm, uint32(info.ID), 5000); got != enosys {
		t.Errorf("a call newer than we know: %#x", got)
	}
}

func BenchmarkFilter(b *testing.B) {
	for b.Loop() {
		if _, err := Filter(); err != nil {
			b.Fatal(err)
		}
	}
}
