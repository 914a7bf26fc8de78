package warehouse

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

	"firn/sqlerr"
)

// openFile opens a staged file, unpacking it by its first bytes (COMPRESSION = AUTO) or as the format says.
func openFile(path string, f *fileFormat) (io.ReadCloser, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(file, 1<<16)
	magic, _ := r.Peek(4) // shorter files are plain
	kind := f.compression
	if kind == "AUTO" || kind == "AUTO_DETECT" {
		switch {
		case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
			kind = "GZIP"
		case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
			kind = "ZSTD"
		case bytes.HasPrefix(magic, []byte("BZh")):
			kind = "BZ2"
		default:
			kind = "NONE"
		}
	}
	var in io.Reader = r
	closer := func() {}
	switch kind {
	case "GZIP":
		in, err = gzip.NewReader(r)
	case "ZSTD":
		var d *zstd.Decoder
		if d, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1)); err == nil {
			in, closer = d, d.Close
		}
	case "BZ2":
		in = bzip2.NewReader(r)
	case "NONE":
	default:
		err = sqlerr.Unsupported("file format COMPRESSION = %s", kind)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return &unpacked{in, closer, file}, nil
}

type unpacked struct {
	io.Reader
	closer func()
	file   *os.File
}

func (u *unpacked) Close() error {
	u.closer()
	return u.file.Close()
}

// csvReader splits a file into records of fields. Fields are valid until the next record.
type csvReader struct {
	f      *fileFormat
	in     *bufio.Reader
	line   int // of the record just read, from 1
	next   int
	fields []csvField
	buf    []byte
	ends   []int
	quoted []bool
	record []byte
	first  bool
}

type csvField struct {
	text   []byte
	quoted bool
}

// maxField bounds one record: Snowflake refuses larger values too.
const maxRecord = 128 << 20

func newCSV(in io.Reader, f *fileFormat) *csvReader {
	return &csvReader{f: f, in: bufio.NewReaderSize(in, 1<<18), next: 1, record: []byte(f.record), first: true}
}

// read gives the next record, io.EOF after the last.
func (c *csvReader) read() ([]csvField, error) {
	if c.first {
		c.first = false
		if bom, _ := c.in.Peek(3); bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
			c.in.Discard(3)
		}
	}
	for {
		if err := c.scan(); err != nil {
			return nil, err
		}
		if c.f.skipBlank && len(c.ends) == 1 && c.ends[0] == 0 && !c.quoted[0] {
			continue
		}
		break
	}
	c.fields = c.fields[:0]
	start := 0
	for i, end := range c.ends {
		t := c.buf[start:end:end]
		if c.f.trim && !c.quoted[i] {
			t = bytes.TrimSpace(t)
		}
		if !utf8.Valid(t) {
			if !c.f.replaceInvalid {
				return nil, sqlerr.New(100144, "22000", "Invalid UTF8 detected in string '%s'", printable(t))
			}
			t = bytes.ToValidUTF8(t, []byte("\uFFFD"))
		}
		c.fields = append(c.fields, csvField{t, c.quoted[i]})
		start = end
	}
	return c.fields, nil
}

func printable(b []byte) string {
	if len(b) > 100 {
		b = b[:100]
	}
	return fmt.Sprintf("%+q", b)
}

// ends says whether the bytes after first are the rest of a delimiter, and takes them.
func (c *csvReader) rest(delim []byte) bool {
	if len(delim) == 1 {
		return true
	}
	p, err := c.in.Peek(len(delim) - 1)
	if err != nil || !bytes.Equal(p, delim[1:]) {
		return false
	}
	c.in.Discard(len(delim) - 1)
	return true
}

// scan reads one record into buf and ends.
func (c *csvReader) scan() error {
	f := c.f
	field := []byte(f.field)
	c.buf, c.ends, c.quoted = c.buf[:0], c.ends[:0], c.quoted[:0]
	c.line = c.next
	start := 0 // of the field in buf
	quoted := false
	any := false
	end := func() {
		c.ends, c.quoted = append(c.ends, len(c.buf)), append(c.quoted, quoted)
		start, quoted = len(c.buf), false
	}
	for {
		b, err := c.in.ReadByte()
		if err != nil {
			if err != io.EOF {
				return err
			}
			if !any {
				return io.EOF
			}
			end()
			return nil
		}
		any = true
		if len(c.buf) > maxRecord {
			return sqlerr.New(100069, "22000", "Error parsing CSV: a record is longer than %d bytes", maxRecord)
		}
		switch {
		case f.enclosed != 0 && b == f.enclosed && len(bytes.TrimLeft(c.buf[start:], " ")) == 0 && (f.trim || len(c.buf) == start) && !quoted:
			c.buf = c.buf[:start]
			quoted = true
			if err := c.inside(); err != nil {
				return err
			}
		case len(field) > 0 && b == field[0] && c.rest(field):
			end()
		case len(c.record) > 0 && b == c.record[0] && c.rest(c.record):
			c.next++
			if f.record == "\n" && len(c.buf) > start && c.buf[len(c.buf)-1] == '\r' {
				c.buf = c.buf[:len(c.buf)-1] // \r\n is one line end, as in Snowflake
			}
			end()
			return nil
		case f.escapeUnenclosed != 0 && b == f.escapeUnenclosed && !quoted:
			n, err := c.in.ReadByte()
			if err != nil {
				c.buf = append(c.buf, b)
				continue
			}
			c.buf = appendEscaped(c.buf, b, n)
		default:
			if b == '\n' {
				c.next++
			}
			if quoted && (b == ' ' || b == '\r' || b == '\t') {
				if b == '\r' || f.trim {
					continue
				}
			}
			if quoted {
				return sqlerr.New(100068, "22000", "Found character '%c' instead of field delimiter '%s'", b, f.field)
			}
			c.buf = append(c.buf, b)
		}
	}
}

// appendEscaped appends what an escape and its character stand for. \N stays: it is NULL_IF's business.
func appendEscaped(buf []byte, escape, n byte) []byte {
	switch n {
	case 'n':
		return append(buf, '\n')
	case 't':
		return append(buf, '\t')
	case 'r':
		return append(buf, '\r')
	case 'N':
		return append(buf, escape, n)
	}
	return append(buf, n)
}

// inside reads an enclosed field up to its closing quote.
func (c *csvReader) inside() error {
	f := c.f
	for {
		b, err := c.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return sqlerr.New(100067, "22000", "End of record reached while expected to parse the end of an enclosed field")
		}
		if err != nil {
			return err
		}
		switch {
		case b == f.enclosed:
			if p, err := c.in.Peek(1); err == nil && p[0] == f.enclosed {
				c.in.Discard(1)
				c.buf = append(c.buf, b)
				continue
			}
			return nil
		case f.escape != 0 && b == f.escape:
			n, err := c.in.ReadByte()
			if err != nil {
				continue
			}
			c.buf = appendEscaped(c.buf, b, n)
		default:
			if b == '\n' {
				c.next++
			}
			if len(c.buf) > maxRecord {
				return sqlerr.New(100069, "22000", "Error parsing CSV: a field is longer than %d bytes", maxRecord)
			}
			c.buf = append(c.buf, b)
		}
	}
}

// null says whether a field is NULL.
func (f *fileFormat) null(x csvField) bool {
	if len(x.text) == 0 && !x.quoted && f.emptyIsNull {
		return true
	}
	for _, n := range f.nullIf {
		if string(x.text) == n {
			return true
		}
	}
	return false
}
