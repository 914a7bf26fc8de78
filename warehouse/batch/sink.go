package batch

import (
	"errors"
	"os"
	"syscall"

	"firn/sqlerr"
)

// sink is where the streams go: memory first, the file from inMemory bytes on.
type sink struct {
	path string
	n    int64
	buf  []byte
	file *os.File
}

func (s *sink) Write(p []byte) (int, error) {
	if s.file == nil && len(s.buf)+len(p) > inMemory {
		f, err := os.OpenFile(s.path, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
		if err != nil {
			return 0, err
		}
		s.file = f
		if err := s.drain(); err != nil {
			return 0, err
		}
	}
	s.n += int64(len(p))
	if s.file == nil || len(s.buf)+len(p) <= inMemory {
		s.buf = append(s.buf, p...) // of a file: the write buffer
		return len(p), nil
	}
	if err := s.drain(); err != nil {
		return 0, err
	}
	if len(p) > inMemory/2 {
		return s.file.Write(p)
	}
	s.buf = append(s.buf, p...)
	return len(p), nil
}

func (s *sink) drain() error {
	_, err := s.file.Write(s.buf)
	s.buf = s.buf[:0]
	return err
}

func (s *sink) close() error {
	if s.file == nil {
		return nil
	}
	err := s.drain()
	s.buf = nil
	if e := s.file.Close(); err == nil {
		err = e
	}
	return s.wrap(err)
}

func (s *sink) remove() {
	if s.file != nil {
		s.file.Close() // already failed: the file goes
		os.Remove(s.path)
	}
	s.buf = nil
}

func (s *sink) wrap(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.ENOSPC) {
		e := sqlerr.New(300006, "53100", "The server's disk is full: the result cannot be stored.")
		e.Err = err
		return e
	}
	return sqlerr.Internal(err)
}
