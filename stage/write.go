package stage

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Uploads up to this size are hashed on the way; of larger ones the md5 is computed beside the copy.
const inline = 256 << 10

// write puts a body under a name: to a file in tmp/ first, then, when it is whole and on the disk, into the tree. size < 0 is
// unknown. With keep an existing file wins: fs.ErrExist.
func (s *Stages) write(ctx context.Context, dir, name string, body io.Reader, size int64, keep bool) error {
	stage, err := s.openStage(dir)
	if err != nil {
		return err
	}
	defer stage.Close()
	tmp, f, err := temporary(stage)
	if err != nil {
		return err
	}
	placed := false
	defer func() {
		f.Close()
		if !placed {
			_ = stage.Remove(tmpDir + "/" + tmp)
		}
	}()
	if size > bufferSize {
		// Room for all of it, or a clear answer before the first byte. Not every file system can.
		if err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size); full(err) {
			return err
		}
	}
	sum, err := fill(ctx, f, body, size)
	if err != nil {
		return err
	}
	durable := dir[0] != 'x' // a temporary stage ends with this process
	if durable {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	keepDigest(f, info, sum)
	if s.isGone(dir) {
		return os.ErrNotExist
	}
	if err := place(stage, tmp, name, keep, durable); err != nil {
		return err
	}
	placed = true
	return nil
}

// temporary makes a file in tmp/.
func temporary(stage *os.Root) (string, *os.File, error) {
	var b [12]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", nil, err
	}
	name := hex.EncodeToString(b[:])
	f, err := stage.OpenFile(tmpDir+"/"+name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	return name, f, err
}

// fill copies a body to a file and gives its md5. Memory is a few buffers whatever the size: while one is written the ones before
// are hashed by a second goroutine.
func fill(ctx context.Context, f *os.File, body io.Reader, size int64) ([]byte, error) {
	h := md5.New()
	if size >= 0 && size <= inline {
		err := small(f, h, body, size)
		return h.Sum(nil), err
	}
	const depth = 4
	free, work, done := make(chan *[]byte, depth), make(chan []byte, depth), make(chan struct{})
	for range depth {
		free <- buffers.Get().(*[]byte)
	}
	used := make(chan *[]byte, depth)
	go func() {
		defer close(done)
		for b := range work {
			h.Write(b)
			free <- <-used
		}
	}()
	err := func() error {
		defer close(work)
		var written, flushed int64
		for {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("%w: %w", errBody, err)
			}
			buf := <-free
			n, err := readFull(body, *buf)
			if n > 0 {
				if _, werr := f.Write((*buf)[:n]); werr != nil {
					free <- buf
					return werr
				}
				used <- buf
				work <- (*buf)[:n]
				written += int64(n)
				if written-flushed >= 32<<20 {
					// Start the disk early, so that the sync at the end has little left.
					_ = unix.SyncFileRange(int(f.Fd()), flushed, written-flushed, unix.SYNC_FILE_RANGE_WRITE)
					flushed = written
				}
			} else {
				free <- buf
			}
			switch {
			case err == nil:
			case err == io.EOF && size >= 0 && written != size:
				return fmt.Errorf("%w: %d of %d bytes", errBody, written, size)
			case err == io.EOF:
				return nil
			default:
				return fmt.Errorf("%w: %w", errBody, err)
			}
		}
	}()
	<-done
	for range depth {
		buffers.Put(<-free)
	}
	if err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}

// readFull fills b. Unlike io.ReadFull it leaves the reader's error as it is: io.EOF is the body's end, io.ErrUnexpectedEOF a client
// that went away.
func readFull(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}

func small(f *os.File, h hash.Hash, body io.Reader, size int64) error {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	b := (*buf)[:size]
	if n, err := readFull(body, b); int64(n) < size {
		return fmt.Errorf("%w: %d of %d bytes: %w", errBody, n, size, err)
	}
	h.Write(b)
	_, err := f.Write(b)
	return err
}
