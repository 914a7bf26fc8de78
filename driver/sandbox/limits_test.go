package sandbox

import (
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"firn/driver"
	"firn/driver/drivertest"
)

func mkfifo(t testing.TB, p string) {
	t.Helper()
	if err := unix.Mkfifo(p, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestMachineShare: who is killed because all jobs together are too large is told so.
func TestMachineShare(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.MachineMemory = 128 << 20
	d := open(t, cfg)
	t.Cleanup(func() { d.Close() })
	if d.group == "" {
		t.Skip("needs cgroups that can be written")
	}
	s := drivertest.Shell("share", "head -c 400000000 /dev/zero | tail -n 1 > /dev/null")
	s.Memory = 1 << 30
	e, _ := runTo(t, d, s)
	if !e.OOM || !strings.Contains(e.Reason, "this machine's share of 128 MiB") {
		t.Errorf("%+v", e)
	}
	if err := d.Remove(within(t), s.ID); err != nil {
		t.Error(err)
	}
}

func TestCPULimit(t *testing.T) {
	d := openTest(t)
	if d.group == "" {
		t.Skip("needs cgroups that can be written")
	}
	s := drivertest.Shell("cpu", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done")
	s.MilliCPU = 200
	e, _ := runTo(t, d, s)
	if wall := e.Ended.Sub(e.Started).Seconds(); e.CPU <= 0 || e.CPU > wall*0.35+0.05 {
		t.Errorf("%.3f s of CPU in %.3f s with a limit of 0.2", e.CPU, wall)
	}
}

// TestMoreThanTheMachine: a limit above the machine's share is the machine's share.
func TestMoreThanTheMachine(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.MachineMemory, cfg.MachineMilliCPU = 256<<20, 1000
	d := open(t, cfg)
	t.Cleanup(func() { d.Close() })
	s := drivertest.Shell("large", "exit 0")
	s.Memory, s.MilliCPU = 1<<40, 64_000
	if e, out := runTo(t, d, s); e.Code != 0 {
		t.Errorf("%+v %s", e, out)
	}
	if err := d.Remove(within(t), s.ID); err != nil {
		t.Error(err)
	}
}

// TestLimits: what is not enforced is named, and nothing else.
func TestLimits(t *testing.T) {
	d := openTest(t)
	all := strings.Join(d.Limits(), "\n")
	for _, c := range []struct {
		word    string
		missing bool
	}{{"memory:", d.group == ""}, {"cpu:", d.group == ""}, {"uids:", !d.report.Ranges}, {"egress:", d.cfg.Tun == ""}} {
		if strings.Contains(all, c.word) != c.missing {
			t.Errorf("%q named: %v, want %v, in %q", c.word, !c.missing, c.missing, all)
		}
	}
}

// TestUIDs: as root no two live instances share a host uid, also after a restart.
func TestUIDs(t *testing.T) {
	if !Probe().Ranges {
		t.Skip("needs root")
	}
	var x ids
	x.claim(firstUID, "old")
	seen := map[int]bool{firstUID: true}
	var mu sync.Mutex
	var wg sync.WaitGroup
	live := func(id string) bool { return true }
	for range 50 {
		wg.Go(func() {
			u, err := x.take("new", live)
			mu.Lock()
			defer mu.Unlock()
			if err != nil || seen[u] {
				t.Errorf("%d given twice, %v", u, err)
			}
			seen[u] = true
		})
	}
	wg.Wait()
	x = ids{}
	for range slots {
		if _, err := x.take("gone", live); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := x.take("more", live); err == nil {
		t.Error("more ranges than there are")
	}
	if _, err := x.take("more", func(string) bool { return false }); err != nil {
		t.Errorf("ranges of ended instances are not used again: %v", err)
	}
}

// TestPrivateDir: as root the data may lie below a directory that only root can pass.
func TestPrivateDir(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	d := open(t, config(dir+"/data"))
	e, out := runTo(t, d, drivertest.Shell("private", "echo in"))
	if e.Code != 0 || out != "in\n" {
		t.Errorf("%+v %q", e, out)
	}
	if err := d.Remove(within(t), "private"); err != nil {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if own := d.skel.own; own != "" {
		if _, err := os.Stat(own); err == nil {
			t.Errorf("%s is left", own)
		}
	}
}

// TestSiblings: one instance sees nothing of another's.
func TestSiblings(t *testing.T) {
	d := openTest(t)
	gate := t.TempDir()
	mkfifo(t, gate+"/go")
	a := drivertest.Shell("a", "echo secret > /tmp/a; echo secret > /dev/shm/a; cat /mnt/gate/go")
	a.Mounts = []driver.Mount{{Source: gate, Target: "/mnt/gate"}}
	if err := d.Start(within(t), a); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(gate+"/go", os.O_WRONLY, 0) // it has come so far
	if err != nil {
		t.Fatal(err)
	}
	_, out := runTo(t, d, drivertest.Shell("b", "ls /tmp /dev/shm /mnt; ls /proc | grep -c '^[0-9]'; ls -d /proc/1/root/mnt 2>/dev/null; cat /proc/1/environ; ls "+d.cfg.Dir+"; hostname"))
	f.Close()
	if strings.Contains(out, "secret") || strings.Contains(out, "api") || !strings.Contains(out, "\nb\n") || strings.Contains(out, "/proc/1/root") {
		t.Errorf("%q", out)
	}
	if _, err := d.Wait(within(t), "a"); err != nil {
		t.Error(err)
	}
}

func BenchmarkCold(b *testing.B) {
	d := open(b, config(b.TempDir()))
	defer d.Close()
	bench(b, d, func(id string) driver.Spec {
		s := drivertest.Shell(id, "")
		s.Args = []string{"/bin/true"}
		return s
	})
}

func BenchmarkWarm(b *testing.B) {
	d := open(b, config(b.TempDir()))
	defer d.Close()
	p := pyParent(b)
	if err := d.Warm(within(b), p); err != nil {
		b.Fatal(err)
	}
	bench(b, d, func(id string) driver.Spec { return warmSpec(id, p, "print(1)") })
}

// BenchmarkWarmWhole has all that a job has: stage, token, the way to the server.
func BenchmarkWarmWhole(b *testing.B) {
	d := open(b, config(b.TempDir()))
	defer d.Close()
	p := pyParent(b)
	if err := d.Warm(within(b), p); err != nil {
		b.Fatal(err)
	}
	stage, files := b.TempDir(), b.TempDir()
	bench(b, d, func(id string) driver.Spec {
		s := warmSpec(id, p, "print(1)")
		s.Mounts, s.Files, s.APIPort, s.Dir = []driver.Mount{{Source: stage, Target: "/mnt/job_stage"}}, files, 8084, "/mnt/job_stage"
		return s
	})
}

func BenchmarkColdPython(b *testing.B) {
	d := open(b, config(b.TempDir()))
	defer d.Close()
	p := pyParent(b)
	bench(b, d, func(id string) driver.Spec {
		s := warmSpec(id, p, "print(1)")
		s.Warm, s.Args = "", s.Cold
		return s
	})
}

// bench measures from Start to the recorded exit, one at a time.
func bench(b *testing.B, d *Driver, spec func(id string) driver.Spec) {
	c := within(b)
	once := func(id string) (start, end time.Duration) {
		t := time.Now()
		if err := d.Start(c, spec(id)); err != nil {
			b.Fatal(err)
		}
		start = time.Since(t)
		e, err := d.Wait(c, id)
		end = time.Since(t)
		if err != nil || e.Code != 0 {
			b.Fatal(e, err)
		}
		return start, end
	}
	once("first") // a parent may still be importing
	if err := d.Remove(c, "first"); err != nil {
		b.Fatal(err)
	}
	var starts, ends []time.Duration
	for b.Loop() {
		s, e := once("b")
		starts, ends = append(starts, s), append(ends, e)
		b.StopTimer()
		if err := d.Remove(c, "b"); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(median(starts), "ms-started")
	b.ReportMetric(median(ends), "ms-recorded")
}

func median(ds []time.Duration) float64 {
	slices.Sort(ds)
	return float64(ds[len(ds)/2].Microseconds()) / 1000
}
