package session

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"

	"firn/sqlerr"
	"firn/statement"
)

// stagedBinds reads the binds that a client has put into CSV files of a stage because they were many (client-protocol.md §1.7): a
// list of texts for each placeholder.
func (u *run) stagedBinds(ctx context.Context) error {
	if u.r.BindStage == "" || u.r.Describe {
		return nil
	}
	if u.s.BindFiles == nil {
		return sqlerr.Unsupported("binds through a stage")
	}
	files, err := u.s.BindFiles.OpenBinds(ctx, u.sc, u.r.BindStage)
	if err != nil {
		return err
	}
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	var binds []statement.Bind
	rows := 0
	for _, f := range files {
		err := readCSV(f, func(row []*string) error {
			if binds == nil {
				binds = make([]statement.Bind, len(row))
			}
			if len(row) != len(binds) {
				return sqlerr.Invalid("bound rows have %d and %d values", len(binds), len(row))
			}
			for i, v := range row {
				binds[i].Type = "TEXT"
				binds[i].Values = append(binds[i].Values, v)
			}
			rows++
			return ctx.Err()
		})
		if err != nil {
			return err
		}
	}
	if rows == 0 {
		return sqlerr.Invalid("there are no bound values under '%s'", u.r.BindStage)
	}
	u.sc.Binds, u.sc.Rows = binds, rows
	return nil
}

// readCSV reads rows as clients write bound values: fields by commas, in double quotes where needed; an empty field without quotes
// is NULL. Packed files are known by their first bytes, as clients pack without saying so.
func readCSV(r io.Reader, each func([]*string) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	if head, err := in.Peek(2); err == nil && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("session: bound values: %w", err)
		}
		in = bufio.NewReaderSize(z, 64<<10)
	}
	var row []*string
	var field []byte
	quoted, inside := false, false
	end := func() {
		if len(field) == 0 && !quoted {
			row = append(row, nil)
		} else {
			s := string(field)
			row = append(row, &s)
		}
		field, quoted = field[:0], false
	}
	for {
		c, err := in.ReadByte()
		if errors.Is(err, io.EOF) {
			if inside {
				return sqlerr.Invalid("a bound value's quote does not end")
			}
			if len(row) == 0 && len(field) == 0 && !quoted {
				return nil
			}
			end()
			return each(row)
		}
		if err != nil {
			return fmt.Errorf("session: bound values: %w", err)
		}
		switch {
		case inside && c == '"':
			if next, err := in.Peek(1); err == nil && next[0] == '"' {
				in.Discard(1)
				field = append(field, '"')
			} else {
				inside = false
			}
		case inside:
			field = append(field, c)
		case c == '"' && len(field) == 0 && !quoted:
			inside, quoted = true, true
		case c == ',':
			end()
		case c == '\r':
			if next, err := in.Peek(1); err != nil || next[0] != '\n' {
				field = append(field, c)
			}
		case c == '\n':
			end()
			if err := each(row); err != nil {
				return err
			}
			row = make([]*string, 0, len(row))
		default:
			field = append(field, c)
		}
	}
}
