package job

import (
	"sync/atomic"
	"testing"

	"firn/driver"
	"firn/pool"
)

// BenchmarkSubmit is SYSTEM$EXECUTE_ML_JOB as SQL sees it: one durable insert. The pool is suspended, so nothing else runs.
func BenchmarkSubmit(b *testing.B) {
	x := newBench(b)
	x.share = pool.Resources{MilliCPU: 1, Memory: 1 << 20}
	x.start()
	one := func(b *testing.B) {
		if _, err := x.call(session(), "SYSTEM$EXECUTE_ML_JOB", nil, "db1.public.f_", pool.SystemPool, fileSpec, options("")); err != nil {
			b.Fatal(err)
		}
	}
	one(b) // takes the machine's only place
	b.Run("one session", func(b *testing.B) {
		for b.Loop() {
			one(b)
		}
	})
	b.Run("16 sessions", func(b *testing.B) {
		b.SetParallelism(16)
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				one(b)
			}
		})
	})
}

// BenchmarkLife is a whole job from submission to the answer of its wait, with a driver that takes no time: three durable steps.
func BenchmarkLife(b *testing.B) {
	x := newBench(b).start()
	x.machine.onStart = func(s driver.Spec) error {
		go x.machine.end(s.ID, driver.Exit{})
		return nil
	}
	one := func(b *testing.B) {
		_, name, _ := x.submit(fileSpec, options(""))
		if j := x.wait(name); j.Status != string(Done) {
			b.Fatal(j.Message)
		}
	}
	b.Run("one session", func(b *testing.B) {
		for b.Loop() {
			one(b)
		}
	})
	var n atomic.Int64
	b.Run("16 sessions", func(b *testing.B) {
		b.SetParallelism(16)
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				one(b)
				n.Add(1)
			}
		})
	})
}
