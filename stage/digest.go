package stage

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// A file's md5 is kept with it, in an extended attribute that also says of which size and time it is: it moves and goes with the
// file, and a job that writes to the file makes it void. Where there are no attributes it is computed anew each time.
const md5Attr = "user.firn.md5"

const md5AttrLen = 8 + 8 + md5.Size

func keepDigest(f *os.File, info fs.FileInfo, sum []byte) {
	var b [md5AttrLen]byte
	binary.BigEndian.PutUint64(b[:], uint64(info.Size()))
	binary.BigEndian.PutUint64(b[8:], uint64(info.ModTime().UnixNano()))
	copy(b[16:], sum)
	_ = unix.Fsetxattr(int(f.Fd()), md5Attr, b[:], 0) // only a cache
}

func keptDigest(f *os.File, info fs.FileInfo) (string, bool) {
	var b [md5AttrLen]byte
	n, err := unix.Fgetxattr(int(f.Fd()), md5Attr, b[:])
	if err != nil || n != len(b) || binary.BigEndian.Uint64(b[:]) != uint64(info.Size()) || binary.BigEndian.Uint64(b[8:]) != uint64(info.ModTime().UnixNano()) {
		return "", false
	}
	return hex.EncodeToString(b[16:]), true
}

// digest gives a file's md5 in hex, kept or computed.
func digest(ctx context.Context, f *os.File, info fs.FileInfo) (string, error) {
	if d, ok := keptDigest(f, info); ok {
		return d, nil
	}
	h := md5.New()
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := f.Read(*buf)
		h.Write((*buf)[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
	}
	sum := h.Sum(nil)
	if now, err := f.Stat(); err == nil && now.Size() == info.Size() && now.ModTime().Equal(info.ModTime()) {
		keepDigest(f, info, sum)
	}
	return hex.EncodeToString(sum), nil
}

// bufferSize of copies: large enough that system calls do not count, small enough for the processor's cache.
const bufferSize = 256 << 10

var buffers = sync.Pool{New: func() any { b := make([]byte, bufferSize); return &b }}
