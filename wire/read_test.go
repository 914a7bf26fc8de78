package wire_test

import (
	"io"

	"firn/result"
)

// readAll copies a result's segments into memory.
func readAll(d *result.Data) (*result.Data, error) {
	out := &result.Data{Rows: d.Rows}
	for _, s := range d.Segments {
		f, err := d.Open(s)
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(f)
		f.Close()
		if err != nil {
			return nil, err
		}
		out.Segments = append(out.Segments, result.Segment{Rows: s.Rows, Bytes: b, Length: int64(len(b))})
	}
	return out, nil
}
