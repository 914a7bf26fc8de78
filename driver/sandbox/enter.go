package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"firn/driver/sandbox/nsboot"
	"firn/driver/shim"
)

// EnterUserNamespace puts a server that is not root into a user namespace of its own, by running the program again: call
// it before anything else is opened or started. As root, or inside already, it does nothing. dir is Config.Dir: if
// instances of an earlier server still run, their namespace is entered again, because only from inside can new instances
// join the network of old ones.
func EnterUserNamespace(dir string) error {
	again := os.Getenv(nsboot.EnterEnv) != ""
	os.Unsetenv(nsboot.EnterEnv)
	if os.Geteuid() == 0 {
		return nil
	}
	if again {
		return errors.New("sandbox: the user namespace was not entered before Go started: is nsboot linked in?")
	}
	if err := userNamespaces(); err != nil {
		return fmt.Errorf("sandbox: user namespaces are not to be had here: %w", err)
	}
	env := append(os.Environ(), nsboot.EnterEnv+"="+earlier(dir))
	err := syscall.Exec("/proc/self/exe", os.Args, env)
	return fmt.Errorf("sandbox: run again: %w", err)
}

// earlier is the user namespace of a shim that outlived its server, or "new".
func earlier(dir string) string {
	h := shim.Home{Dir: filepath.Join(dir, "i")}
	ids, err := h.IDs()
	if err != nil {
		return "new"
	}
	for _, id := range ids {
		if !h.Live(id) {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		pid, err := h.PID(ctx, id)
		cancel()
		if err == nil && pid > 0 {
			return fmt.Sprintf("/proc/%d/ns/user", pid)
		}
	}
	return "new"
}

// seccompHas asks the kernel for an action of seccomp filters.
func seccompHas(action *uint32) bool {
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(action)))
	return e == 0
}

func ownedByUs(p string) bool {
	var st unix.Stat_t
	return unix.Lstat(p, &st) == nil && int(st.Uid) == os.Geteuid() && st.Mode&unix.S_IFMT == unix.S_IFDIR
}
