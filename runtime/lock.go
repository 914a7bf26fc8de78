package runtime

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// A lock is a file that one process at a time holds, also among several in this process; it ends with its holder, so
// nothing is left to clean after a crash. A program started with the file stays a holder until it ends too.
type lock struct{ file *os.File }

// acquire waits until path is free. waiting, if not nil, is called once before it has to wait.
func acquire(ctx context.Context, path string, waiting func()) (*lock, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	err = flock(f, syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return &lock{f}, nil
	}
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		f.Close()
		return nil, err
	}
	if waiting != nil {
		waiting()
	}
	done := make(chan error, 1)
	go func() { done <- flock(f, syscall.LOCK_EX) }()
	select {
	case err := <-done:
		if err != nil {
			f.Close()
			return nil, err
		}
		return &lock{f}, nil
	case <-ctx.Done():
		go func() { <-done; f.Close() }() // a wait for a lock cannot be broken off; it is given back as soon as it is had
		return nil, ctx.Err()
	}
}

// held says whether somebody holds path now.
func held(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(flock(f, syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

func (l *lock) release() { l.file.Close() }

func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
