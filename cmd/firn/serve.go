package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"
	_ "time/tzdata" // TIMEZONE names, whatever the machine has

	"firn/catalog"
	"firn/driver"
	"firn/driver/process"
	"firn/driver/sandbox"
	"firn/job"
	"firn/pool"
	"firn/python"
	environments "firn/runtime"
	"firn/session"
	"firn/stage"
	"firn/store"
	"firn/warehouse"
	"firn/wire"
)

// apiPort is where a job in a sandbox finds the server on its own 127.0.0.1, whatever port the server listens on outside.
const apiPort = 8084

const account = "FIRN"

type serveCommand struct {
	Data     string `help:"Data directory; one server at a time." default:"./firn-data" type:"path"`
	Listen   string `help:"Address to listen on. Port 0: a free one." default:"127.0.0.1:8084"`
	Insecure bool   `help:"Listen beyond loopback without TLS."`
	Config   string `help:"Settings; firn.toml in the data directory if not given." type:"path"`
	Runtimes string `help:"Where Python environments are kept; in the data directory if not given. May be shared." type:"path"`
	Driver   string `help:"What runs jobs: sandbox, or process: plain processes of the server's user, with nothing isolated, for machines without user namespaces." enum:"sandbox,process" default:"sandbox"`
	Debug    bool   `help:"Log more."`
}

// Run starts the rooms in the order in which they need each other, serves until ctx ends, and stops them in reverse.
func (c serveCommand) Run(ctx context.Context) (err error) {
	dir := c.Data
	if err := os.MkdirAll(dir, 0o711); err != nil { // a job's user passes through to its folders, it cannot list
		return err
	}
	if c.Driver == "sandbox" {
		if err := sandbox.EnterUserNamespace(filepath.Join(dir, "instances")); err != nil { // without root: all of us in one user namespace
			return noSandbox(err)
		}
	}
	level := slog.LevelInfo
	if c.Debug {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	var stops []func() error
	defer func() {
		for i := len(stops) - 1; i >= 0; i-- {
			err = errors.Join(err, stops[i]())
		}
	}()
	stop := func(f func() error) { stops = append(stops, f) }

	if c.Config == "" {
		c.Config = filepath.Join(dir, "firn.toml")
	}
	cfg, err := readConfig(c.Config)
	if err != nil {
		return err
	}
	total, err := totalMemory()
	if err != nil {
		return err
	}
	machine, err := cfg.machine(total)
	if err != nil {
		return err
	}
	if err := checkListen(c.Listen, c.Insecure); err != nil {
		return err
	}
	lock, err := lockData(dir)
	if err != nil {
		return err
	}
	stop(lock.Close)
	password, err := adminPassword(dir)
	if err != nil {
		return err
	}

	// what survives, and the tables
	st, err := store.Open(ctx, filepath.Join(dir, "firn.db"))
	if err != nil {
		return err
	}
	stop(st.Close)
	functions := new(session.Registry)
	files := new(stageFiles) // warehouse needs stages, stages need the catalog, the catalog needs warehouse's tree
	wh, err := warehouse.Open(ctx, warehouse.Config{Dir: dir, Functions: functions, Stages: files, Memory: queryMemory(total, machine.Memory), Log: log})
	if err != nil {
		return err
	}
	stop(wh.Close)

	// objects and their files
	owns := &owners{wh.OwnerOf}
	cat, err := catalog.New(ctx, catalog.Config{Store: st, Tree: tree{wh}, Account: account, AdminPassword: password, Owner: owns.find, Log: log})
	if err != nil {
		return err
	}
	stages, err := stage.New(ctx, stage.Config{Dir: filepath.Join(dir, "stages"), Store: st, Catalog: cat, Table: wh.TableID, Log: log})
	if err != nil {
		return err
	}
	stop(stages.Close)
	cat.SetFiles(stages)
	files.stages, files.cat = stages, cat
	wh.SetAccess(cat)

	// where jobs run, and in what
	api, err := listenJobs(filepath.Join(dir, "api.sock"))
	if err != nil {
		return err
	}
	stop(func() error { return closeListener(api) })
	listener, err := net.Listen("tcp", c.Listen) // who connects before the rooms are there waits in its queue
	if err != nil {
		return err
	}
	stop(func() error { return closeListener(listener) })
	d, port, err := c.driver(dir, api.Addr().String(), listener.Addr(), machine, log)
	if err != nil {
		return err
	}
	stop(d.Close)
	for _, l := range d.Limits() {
		log.Warn("not enforced on this machine", "what", l)
	}
	if c.Runtimes == "" {
		c.Runtimes = filepath.Join(dir, "runtime")
	}
	manager := environments.New(environments.Config{Dir: c.Runtimes, UVPath: cfg.Runtime.UV, Interpreters: cfg.Runtime.Interpreters, Log: log})
	launcher, err := python.Install(filepath.Join(c.Runtimes, "launcher"))
	if err != nil {
		return err
	}

	// jobs
	pools, err := pool.New(ctx, pool.Config{Store: st, Log: log, Machine: machine, Strict: cfg.Machine.Strict, Unenforced: d.Limits()})
	if err != nil {
		return err
	}
	stop(func() error { pools.Close(); return nil })
	jobs, err := job.New(ctx, job.Config{Store: st, Pools: pools, Driver: d, Stages: stages, Runtimes: runtimes{manager, launcher}, Tokens: cat, Tree: wh, Access: cat, Warehouses: cat,
		Dir: filepath.Join(dir, "jobs"), Launcher: launcher, Account: account, APIPort: port, HostPaths: c.Driver == "process", Log: log})
	if err != nil {
		return err
	}
	stop(jobs.Close)
	pools.OnStop(jobs.StopAll)
	*owns = append(*owns, pools.Owner, jobs.Owner)

	// clients
	if err := functions.Add(append(jobs.Functions(), pools.Functions()...)...); err != nil {
		return err
	}
	sessions, err := session.New(session.Config{Store: st, Accounts: cat, Access: cat, Objects: objects{wh, cat}, Evaluator: wh, BindFiles: stages, Rooms: []session.Room{wh, stages, cat, pools, jobs},
		Functions: functions, Dir: filepath.Join(dir, "results"), Account: account, Region: cfg.Region, Version: cfg.Version, Log: log})
	if err != nil {
		return err
	}
	stop(func() error { sessions.Close(); return nil })
	if err := writeConnections(dir, account, password, listener.Addr()); err != nil {
		return err
	}
	server := &http.Server{Handler: wire.New(wire.Config{Sessions: sessions, Uploads: stages, Log: log}), ReadHeaderTimeout: 30 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	ended := make(chan error, 2)
	go func() { ended <- server.Serve(api) }()
	go func() { ended <- server.Serve(listener) }()
	stop(func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil { // who still waits for a job is cut off and asks again
			return server.Close()
		}
		return nil
	})
	fmt.Printf("firn: ready on http://%s\n", listener.Addr())
	go sessions.Run(ctx)
	go jobs.Prewarm(ctx, "ACCOUNTADMIN")
	go sweep(ctx, log, wh.Sweep, cat.Sweep)

	select {
	case <-ctx.Done():
		log.Info("stopping; jobs go on")
		return nil
	case err := <-ended:
		return fmt.Errorf("the listener ended: %w", err)
	}
}

// driver starts the one that runs instances here, and says at which port of its 127.0.0.1 a job reaches the server.
func (c serveCommand) driver(dir, socket string, address net.Addr, machine pool.Resources, log *slog.Logger) (driver.Driver, int, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, 0, err
	}
	shim := filepath.Join(filepath.Dir(self), "firn-shim")
	if c.Driver == "process" {
		tcp, ok := address.(*net.TCPAddr)
		if !ok || !(tcp.IP.IsUnspecified() || tcp.IP.Equal(net.IPv4(127, 0, 0, 1))) {
			return nil, 0, fmt.Errorf("--driver process: jobs reach the server at 127.0.0.1, which --listen %s does not include", c.Listen)
		}
		d, err := process.New(filepath.Join(dir, "instances"), shim)
		return d, tcp.Port, err
	}
	if err := sandbox.Probe().Usable(); err != nil {
		return nil, 0, noSandbox(err)
	}
	d, err := sandbox.New(sandbox.Config{Dir: filepath.Join(dir, "instances"), Shim: shim, APISocket: socket, Tun: "/dev/net/tun",
		MachineMemory: machine.Memory, MachineMilliCPU: machine.MilliCPU, Log: log})
	return d, apiPort, err
}

// noSandbox is why sandboxes cannot be had, with the way out.
func noSandbox(err error) error {
	return fmt.Errorf("%w; `firn doctor` says more, and `firn serve --driver process` runs jobs as plain processes, with nothing isolated", err)
}

// closeListener closes one that the HTTP server may have closed already.
func closeListener(l net.Listener) error {
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// machine is this machine's share for jobs.
func (c config) machine(total int64) (pool.Resources, error) {
	m := pool.Resources{MilliCPU: int64(c.Machine.CPU * 1000)}
	if m.MilliCPU == 0 {
		m.MilliCPU = int64(runtime.NumCPU()) * 1000
	}
	if c.Machine.Memory == "" {
		m.Memory = total / 4 * 3
		return m, nil
	}
	var err error
	m.Memory, err = parseBytes(c.Machine.Memory)
	return m, err
}

// queryMemory is what queries may take: most of what jobs leave, and never less than an eighth of the machine (they spill to disk).
func queryMemory(total, jobs int64) string {
	return fmt.Sprintf("%dMiB", max((total-jobs)/5*4, total/8)>>20)
}

// checkListen refuses to speak plain http beyond this machine unless that was asked for.
func checkListen(address string, insecure bool) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", address, err)
	}
	if ip := net.ParseIP(host); insecure || host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("--listen %s: that is beyond this machine and not encrypted; add --insecure if it is meant", address)
}

// listenJobs listens on the unix socket that jobs' relays carry their requests to.
func listenJobs(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) { // of a killed server; the lock is ours
		return nil, err
	}
	return net.Listen("unix", path)
}

// sweep lets rooms remove what has outlived its time.
func sweep(ctx context.Context, log *slog.Logger, rooms ...func(context.Context) error) {
	t := time.NewTicker(10 * time.Minute)
	defer t.Stop()
	for {
		for _, f := range rooms {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				log.Error("sweep", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}
