package stage

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Uploads up to inline bytes are hashed on the way. For larger ones that would cost a third of the speed: their md5 is computed when
// somebody asks for it first (LIST), and kept. Of a file that is being written, the disk is given flushEvery bytes at a time.
const (
	inline     = 16 << 20
	flushEvery = 16 << 20
)

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
	if sum != nil {
		keepDigest(f, info, sum)
	}
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

// fill copies a body to a file and gives its md5, nil if it is too large to be hashed on the way. Memory is one buffer whatever the
// size.
func fill(ctx context.Context, f *os.File, body io.Reader, size int64) ([]byte, error) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	h := md5.New()
	var written, flushed int64
	for {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("%w: %w", errBody, err)
		}
		n, err := readFull(body, *buf)
		if n > 0 {
			b := (*buf)[:n]
			if size <= inline && written <= inline {
				h.Write(b)
			}
			if _, err := f.Write(b); err != nil {
				return nil, err
			}
			written += int64(n)
		}
		if written-flushed >= flushEvery {
			// Start the disk early, so that the sync at the end has little left to do.
			_ = unix.SyncFileRange(int(f.Fd()), flushed, written-flushed, unix.SYNC_FILE_RANGE_WRITE)
			flushed = written
		}
		switch {
		case err == nil:
		case err == io.EOF && size >= 0 && written != size:
			return nil, fmt.Errorf("%w: %d of %d bytes", errBody, written, size)
		case err == io.EOF && written > inline:
			return nil, nil
		case err == io.EOF:
			return h.Sum(nil), nil
		default:
			return nil, fmt.Errorf("%w: %w", errBody, err)
		}
	}
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
