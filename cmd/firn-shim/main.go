// firn-shim owns one instance of a job: it starts it, keeps its log, records its end, and outlives the server. The
// server starts it; nobody else does. It is linked statically, because the same program is pid 1 inside the sandbox.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"

	"firn/driver/process"
	"firn/driver/sandbox/box"
	_ "firn/driver/sandbox/nsboot" // before Go starts: pid 1 and the reapers
	"firn/driver/sandbox/plan"
	"firn/driver/shim"
)

func main() {
	runtime.LockOSThread() // the parent-death signal belongs to a thread
	if len(os.Args) > 1 && os.Args[1] == "init" {
		box.Init()
	}
	if len(os.Args) == 2 && os.Args[1] == "hold" { // keeps the namespaces that it was started in until its input ends
		io.Copy(io.Discard, os.Stdin)
		return
	}
	if len(os.Args) != 3 || os.Args[1] != "run" {
		fmt.Fprintln(os.Stderr, "firn-shim is started by firn")
		os.Exit(2)
	}
	if err := run(os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(dir string) error {
	b, err := shim.Spec()
	if err != nil {
		return err
	}
	var head struct{ Kind string }
	if err := json.Unmarshal(b, &head); err != nil {
		return fmt.Errorf("spec: %w", err)
	}
	switch head.Kind {
	case plan.Job, plan.Parent:
		var p plan.Plan
		if err := json.Unmarshal(b, &p); err != nil {
			return fmt.Errorf("spec: %w", err)
		}
		x := box.New(&p, dir)
		return shim.Main(dir, p.Spec.LogQuota, x.Run, x.Release)
	case process.Kind:
		var p process.Plan
		if err := json.Unmarshal(b, &p); err != nil {
			return fmt.Errorf("spec: %w", err)
		}
		return shim.Main(dir, p.Spec.LogQuota, p.Run, func() {})
	}
	return fmt.Errorf("spec: unknown kind %q", head.Kind)
}
