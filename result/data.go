package result

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// Open gives a segment's bytes: one whole Arrow IPC stream. The caller closes it.
func (d *Data) Open(s Segment) (io.ReadCloser, error) {
	if s.Bytes != nil {
		return io.NopCloser(bytes.NewReader(s.Bytes)), nil
	}
	f, err := os.Open(d.Path)
	if err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	return section{io.NewSectionReader(f, s.Offset, s.Length), f}, nil
}

// section reads a part of a file and closes the file.
type section struct {
	*io.SectionReader
	f *os.File
}

func (s section) Close() error { return s.f.Close() }

// Records are all batches in order, in the wire's types. A batch is valid until the next step of the loop: retain it to keep it.
func (d *Data) Records() iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for _, s := range d.Segments {
			for rec, err := range d.segment(s) {
				if !yield(rec, err) || err != nil {
					return
				}
			}
		}
	}
}

func (d *Data) segment(s Segment) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		r, err := d.Open(s)
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.Close()
		rd, err := ipc.NewReader(r)
		if err != nil {
			yield(nil, fmt.Errorf("result: arrow: %w", err))
			return
		}
		defer rd.Release()
		for rd.Next() {
			if !yield(rd.RecordBatch(), nil) {
				return
			}
		}
		if err := rd.Err(); err != nil && !errors.Is(err, io.EOF) {
			yield(nil, fmt.Errorf("result: arrow: %w", err))
		}
	}
}

// Size is how many bytes the segments have in memory.
func (d *Data) Size() int64 {
	var n int64
	for _, s := range d.Segments {
		n += int64(len(s.Bytes))
	}
	return n
}

// Remove deletes the spool file, if there is one.
func (d *Data) Remove() error {
	if d == nil || d.Path == "" {
		return nil
	}
	if err := os.Remove(d.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("result: %w", err)
	}
	return nil
}
