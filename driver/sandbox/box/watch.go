package box

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// How often the watch looks: memory can grow by gigabytes a second, so the nearer the limit the more often.
const (
	watchFar  = 200 * time.Millisecond
	watchNear = 40 * time.Millisecond
)

// watch bounds an instance's memory where there is no memory cgroup: rlimits bound each process, this the sum.
type watch struct {
	mu     sync.Mutex
	peak   int64
	killed bool
}

// result is the largest sum seen, in bytes, and whether it was the end of the instance.
func (w *watch) result() (peak int64, killed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.peak, w.killed
}

// run samples until ended is closed. init is the process whose pid namespace is the instance.
func (w *watch) run(init int, limit int64, kill func(), ended <-chan struct{}) {
	root := fmt.Sprintf("/proc/%d/root", init)
	for {
		used := usage(root, false)
		if used > limit { // cheap counting charges shared pages to everyone: count exactly before killing
			used = usage(root, true)
		}
		w.mu.Lock()
		w.peak = max(w.peak, used)
		w.killed = w.killed || used > limit
		over := w.killed
		w.mu.Unlock()
		if over {
			kill()
			return
		}
		wait := watchFar
		if used > limit/3 {
			wait = watchNear
		}
		t := time.NewTimer(wait)
		select {
		case <-ended:
			t.Stop()
			return
		case <-t.C:
		}
	}
}

// usage sums the memory of all processes that the instance's own /proc lists, and of its tmpfs. Files that are mapped but
// also lie on disk are not counted: the kernel can drop them.
func usage(root string, exact bool) int64 {
	file, anon, shared := "status", "RssAnon:", "RssShmem:"
	if exact {
		file, anon, shared = "smaps_rollup", "Pss_Anon:", "Pss_Shmem:"
	}
	proc := filepath.Join(root, "proc")
	es, err := os.ReadDir(proc)
	if err != nil {
		return 0
	}
	var private, shm int64
	for _, e := range es {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		b, err := os.ReadFile(filepath.Join(proc, e.Name(), file))
		if err != nil {
			continue // just ended
		}
		private += kib(b, anon)
		shm += kib(b, shared)
	}
	var tmp int64
	for _, d := range []string{"tmp", "dev/shm"} {
		var st unix.Statfs_t
		if unix.Statfs(filepath.Join(root, d), &st) == nil {
			tmp += int64(st.Blocks-st.Bfree) * st.Bsize
		}
	}
	return private + max(shm, tmp) // what is mapped of the tmpfs is in both
}

func kib(b []byte, key string) int64 {
	for l := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(l, []byte(key)); ok {
			n, _ := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte(" kB"))), 10, 64)
			return n << 10
		}
	}
	return 0
}
