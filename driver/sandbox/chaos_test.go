package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"firn/driver"
	"firn/driver/drivertest"
	"firn/driver/sandbox/plan"
)

// shims lists the processes that keep instances of this driver, by their command lines.
func shims(t *testing.T, d *Driver) (pids []int) {
	es, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range es {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if b, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline")); err == nil && bytes.Contains(b, []byte(d.jobs.Dir)) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestChaos: shims are killed at any moment of many lives. Every instance has an end that says so, and nothing is left.
func TestChaos(t *testing.T) {
	dir := t.TempDir()
	d := open(t, config(dir))
	p := pyParent(t)
	if err := d.Warm(within(t), p); err != nil {
		t.Fatal(err)
	}
	gate := t.TempDir()
	mkfifo(t, filepath.Join(gate, "gate"))
	const n = 24
	rnd := rand.New(rand.NewPCG(1, 2))
	var wg, waits sync.WaitGroup
	ends := make(chan driver.Exit, n)
	for i := range n {
		s := drivertest.Shell(fmt.Sprintf("chaos-%d", i), "cat /mnt/gate/gate; exit 0")
		if i%2 == 0 {
			s = warmSpec(s.ID, p, "open('/mnt/gate/gate').read()")
		}
		s.Mounts = []driver.Mount{{Source: gate, Target: "/mnt/gate"}}
		if i%3 == 0 {
			s.Job, s.Index, s.Count = "chaos", i, n
		}
		kill := time.Duration(rnd.IntN(120)) * time.Millisecond
		started := make(chan bool)
		wg.Go(func() {
			err := d.Start(within(t), s)
			close(started)
			if err != nil { // killed on the way: then it is as if it never was
				return
			}
			waits.Go(func() {
				e, err := d.Wait(within(t), s.ID)
				if err != nil {
					t.Errorf("%s: %v", s.ID, err)
				}
				ends <- e
			})
		})
		wg.Go(func() {
			timer := time.NewTimer(kill) // a moment of its life, not a wait for something
			defer timer.Stop()
			<-timer.C
			if pid, err := d.jobs.PID(within(t), s.ID); err == nil {
				unix.Kill(pid, unix.SIGKILL)
				return
			}
			<-started // too early: then after its start
			if pid, err := d.jobs.PID(within(t), s.ID); err == nil {
				unix.Kill(pid, unix.SIGKILL)
			}
		})
		if i%6 == 5 {
			wg.Wait()
		}
	}
	wg.Wait()
	waits.Wait()
	close(ends)
	for e := range ends {
		if e.Code != 137 || e.Reason == "" {
			t.Errorf("%+v", e)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}

	d = open(t, config(dir))
	all, err := d.Recover(within(t))
	if err != nil {
		t.Fatal(err)
	}
	for id, st := range all {
		if st != driver.Ended {
			t.Errorf("%s is %s", id, st)
		}
		if err := d.Remove(within(t), id); err != nil {
			t.Error(err)
		}
	}
	if left := shims(t, d); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
	if d.group != "" {
		for _, g := range plan.Dirs(d.group) {
			es, err := os.ReadDir(g)
			if err != nil {
				continue
			}
			for _, e := range es {
				if e.IsDir() {
					t.Errorf("the group %s/%s is left, with %v", g, e.Name(), plan.PIDs(filepath.Join(g, e.Name())))
				}
			}
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// BenchmarkWarmEight starts eight at once and reports how many a second come to their recorded end.
func BenchmarkWarmEight(b *testing.B) {
	d := open(b, config(b.TempDir()))
	defer d.Close()
	p := pyParent(b)
	if err := d.Warm(within(b), p); err != nil {
		b.Fatal(err)
	}
	const at = 8
	for i := 0; b.Loop(); i++ {
		var wg sync.WaitGroup
		for j := range at {
			wg.Go(func() {
				s := warmSpec(fmt.Sprintf("e-%d-%d", i, j), p, "print(1)")
				if err := d.Start(context.Background(), s); err != nil {
					b.Error(err)
					return
				}
				if e, err := d.Wait(context.Background(), s.ID); err != nil || e.Code != 0 {
					b.Error(e, err)
				}
			})
		}
		wg.Wait()
		b.StopTimer()
		for j := range at {
			d.Remove(context.Background(), fmt.Sprintf("e-%d-%d", i, j))
		}
		b.StartTimer()
	}
	b.ReportMetric(at*float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
}
