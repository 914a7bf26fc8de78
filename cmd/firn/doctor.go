package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"firn/driver/sandbox"
	environments "firn/runtime"
)

type doctorCommand struct {
	Data     string `help:"Data directory." default:"./firn-data" type:"path"`
	Config   string `help:"Settings; firn.toml in the data directory if not given." type:"path"`
	Runtimes string `help:"Where Python environments are kept; in the data directory if not given." type:"path"`
}

// Run prints one line a thing: what is there, or what is lost without it. Nothing is changed.
func (c doctorCommand) Run(ctx context.Context) error {
	if c.Config == "" {
		c.Config = filepath.Join(c.Data, "firn.toml")
	}
	cfg, err := readConfig(c.Config)
	if err != nil {
		return err
	}
	if c.Runtimes == "" {
		c.Runtimes = filepath.Join(c.Data, "runtime")
	}
	r := sandbox.Probe()
	say := func(ok bool, what, there, lost string) {
		mark, text := "ok", there
		if !ok {
			mark, text = "--", lost
		}
		fmt.Printf("%-3s %-18s %s\n", mark, what, text)
	}
	who := "root"
	if !r.Root {
		who = fmt.Sprintf("user %d", os.Getuid())
	}
	say(r.Ranges, "user", who+": each instance has host users of its own", who+": jobs run with the server's own user id, apart from each other by namespaces")
	say(r.UserNamespaces, "user namespaces", "can be made", "cannot be made ("+r.UserNSError+"): `firn serve` starts with --driver process only, which isolates nothing")
	say(r.Seccomp, "seccomp", "filters can be set", "no filters: `firn serve` starts with --driver process only, which isolates nothing")
	cgroups := fmt.Sprintf("version %d, writable: cpu, memory and process limits are enforced", r.CgroupVersion)
	say(r.CgroupWritable, "cgroups", cgroups, "not writable ("+r.CgroupError+"): memory is limited per process and watched, cpu is not limited; have the group delegated to this user")
	without := "the kernel has none: `firn serve` does not start as root, whose instances need them; it does as an ordinary user"
	if !r.Ranges {
		without = "the kernel has none, and a server of this user does without"
	}
	say(r.IDMapped, "idmapped mounts", "the kernel has them (the file system is tried when the server starts)", without)
	say(r.Tun, "TUN device", "can be opened", "cannot be opened: egress by name works through loopback addresses; bare addresses are unreachable but not logged")
	m := environments.New(environments.Config{Dir: c.Runtimes, UVPath: cfg.Runtime.UV, Interpreters: cfg.Runtime.Interpreters})
	found := m.Interpreters(ctx)
	for _, minor := range []string{"3.10", "3.11", "3.12", "3.13"} {
		path := ""
		for _, i := range found {
			if i.Minor == minor {
				path = i.Version + " " + i.Path
				break
			}
		}
		say(path != "", "Python "+minor, path, "not found: jobs of clients with this Python are refused; install it on PATH or name it in firn.toml ([runtime] interpreters)")
	}
	uv, err := m.FindUV(ctx)
	if err != nil {
		return err
	}
	say(uv != "", "uv", uv, "not found: "+environments.UVVersion+" is installed into "+c.Runtimes+" at the first use, which needs the package index")
	dir := c.Data
	for dir != "/" {
		if _, err := os.Stat(dir); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("disk of %s: %w", dir, err)
	}
	free := int64(fs.Bavail) * fs.Bsize
	say(free > 5<<30, "disk", fmt.Sprintf("%d GiB free at %s", free>>30, dir), fmt.Sprintf("%d MiB free at %s: a runtime needs about 1 GiB, results and stages more", free>>20, dir))
	if !r.UserNamespaces || !r.Seccomp {
		return errors.New("this machine cannot run jobs in sandboxes: `firn serve --driver process` runs them as plain processes, with nothing isolated")
	}
	return nil
}
