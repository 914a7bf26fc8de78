package warehouse

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"firn/result"
	"firn/sqlerr"
	"firn/warehouse/bind"
	"firn/warehouse/duck"
)

// tempName is a new name for a temporary table, which is dropped with the statement.
func (k *work) tempName() string {
	name := fmt.Sprintf("x%d", k.w.spools.Add(1))
	k.temps = append(k.temps, name)
	return name
}

// temp makes a temporary table of the statement's connection and opens it for appending.
func (k *work) temp(ctx context.Context, cols []bind.Column) (string, *duck.Appender, error) {
	name := k.tempName()
	var b strings.Builder
	b.WriteString("CREATE TEMP TABLE temp.main." + name + "(")
	for i, c := range uniqueNames(cols) {
		cols[i].Name = c
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(bind.Physical(c) + " " + bind.PhysicalType(cols[i].Type))
	}
	b.WriteByte(')')
	if _, err := k.conn.Exec(ctx, b.String()); err != nil {
		return "", nil, err
	}
	a, err := k.conn.Append(ctx, "temp", "main", name)
	return name, a, err
}

// fillResult appends the rows of r.
func fillResult(ctx context.Context, a *duck.Appender, r *result.Result) error {
	if r.Data == nil {
		for _, cells := range r.Rows {
			for i, v := range cells {
				if err := setValue(&a.Columns[i], a.Row, r.Columns[i].Type, v); err != nil {
					return fmt.Errorf("column %s: %w", r.Columns[i].Name, err)
				}
			}
			if err := a.Next(); err != nil {
				return err
			}
		}
		return nil
	}
	var file *os.File
	if r.Data.Path != "" {
		var err error
		if file, err = os.Open(r.Data.Path); err != nil {
			e := sqlerr.New(709, "02000", "Statement's result is no longer available.")
			e.Err = err
			return e
		}
		defer file.Close()
	}
	for _, s := range r.Data.Segments {
		var in io.Reader = bytes.NewReader(s.Bytes)
		if s.Bytes == nil {
			in = io.NewSectionReader(file, s.Offset, s.Length)
		}
		rd, err := ipc.NewReader(in)
		if err != nil {
			return fmt.Errorf("warehouse: read a result: %w", err)
		}
		for rd.Next() {
			if err := fillBatch(a, r.Columns, rd.RecordBatch()); err != nil {
				rd.Release()
				return err
			}
			if ctx.Err() != nil {
				rd.Release()
				return duck.Ended(ctx)
			}
		}
		err = rd.Err()
		rd.Release()
		if err != nil {
			return fmt.Errorf("warehouse: read a result: %w", err)
		}
	}
	return nil
}

// fillBatch appends a batch in the wire's types, as package batch writes them.
func fillBatch(a *duck.Appender, cols []result.Column, rec arrow.RecordBatch) error {
	set := make([]func(v *duck.Vector, row, i int) error, len(cols))
	for c := range cols {
		set[c] = reader(cols[c].Type, rec.Column(c))
		if set[c] == nil {
			return fmt.Errorf("warehouse: a result's column %s is of Arrow type %s", cols[c].Name, rec.Column(c).DataType())
		}
	}
	for i := range int(rec.NumRows()) {
		for c := range set {
			if rec.Column(c).IsNull(i) {
				a.Columns[c].SetNull(a.Row)
			} else if err := set[c](&a.Columns[c], a.Row, i); err != nil {
				return err
			}
		}
		if err := a.Next(); err != nil {
			return err
		}
	}
	return nil
}

func scaleTo6(x int64, scale int) int64 {
	for ; scale < 6; scale++ {
		x *= 10
	}
	for ; scale > 6; scale-- {
		x /= 10
	}
	return x
}

func reader(t result.Type, col arrow.Array) func(v *duck.Vector, row, i int) error {
	ints := func(f func(int64) int64) func(v *duck.Vector, row, i int) error {
		switch c := col.(type) {
		case *array.Int64:
			return func(v *duck.Vector, row, i int) error { v.SetInt(row, f(c.Value(i))); return nil }
		case *array.Int32:
			return func(v *duck.Vector, row, i int) error { v.SetInt(row, f(int64(c.Value(i)))); return nil }
		case *array.Date32:
			return func(v *duck.Vector, row, i int) error { v.SetInt(row, f(int64(c.Value(i)))); return nil }
		}
		return nil
	}
	same := func(x int64) int64 { return x }
	switch t.Kind {
	case result.Fixed:
		if c, ok := col.(*array.Decimal128); ok {
			return func(v *duck.Vector, row, i int) error {
				n := c.Value(i)
				setHuge(v, row, duck.Huge{Lower: n.LowBits(), Upper: n.HighBits()})
				return nil
			}
		}
		return ints(same)
	case result.Date:
		return ints(same)
	case result.Time:
		return ints(func(x int64) int64 { return scaleTo6(x, t.Scale) })
	case result.Real:
		if c, ok := col.(*array.Float64); ok {
			return func(v *duck.Vector, row, i int) error { v.SetDouble(row, c.Value(i)); return nil }
		}
	case result.Boolean:
		if c, ok := col.(*array.Boolean); ok {
			return func(v *duck.Vector, row, i int) error { v.SetInt(row, boolInt(c.Value(i))); return nil }
		}
	case result.Text:
		if c, ok := col.(*array.String); ok {
			return func(v *duck.Vector, row, i int) error { v.SetString(row, c.Value(i)); return nil }
		}
	case result.Binary:
		if c, ok := col.(*array.Binary); ok {
			return func(v *duck.Vector, row, i int) error { v.SetBytes(row, c.Value(i)); return nil }
		}
	case result.Variant, result.Object, result.Array:
		if c, ok := col.(*array.String); ok {
			return func(v *duck.Vector, row, i int) error { return setJSON(v, row, c.Value(i)) }
		}
	case result.TimestampNTZ, result.TimestampLTZ:
		if s, ok := col.(*array.Struct); ok {
			epoch, fraction := s.Field(0).(*array.Int64), s.Field(1).(*array.Int32)
			return func(v *duck.Vector, row, i int) error {
				v.SetInt(row, epoch.Value(i)*1e6+int64(fraction.Value(i))/1000)
				return nil
			}
		}
		return ints(func(x int64) int64 { return scaleTo6(x, t.Scale) })
	case result.TimestampTZ:
		s, ok := col.(*array.Struct)
		if !ok {
			return nil
		}
		epoch, zone := s.Field(0).(*array.Int64), s.Field(s.NumField()-1).(*array.Int32)
		return func(v *duck.Vector, row, i int) error {
			us := scaleTo6(epoch.Value(i), t.Scale)
			if s.NumField() == 3 {
				us = epoch.Value(i)*1e6 + int64(s.Field(1).(*array.Int32).Value(i))/1000
			}
			v.Children[0].SetInt(row, us)
			v.Children[1].SetInt(row, int64(zone.Value(i))-1440)
			return nil
		}
	case result.Vector:
		l, ok := col.(*array.FixedSizeList)
		if !ok {
			return nil
		}
		return func(v *duck.Vector, row, i int) error {
			for k := range t.Length {
				switch c := l.ListValues().(type) {
				case *array.Float32:
					v.Children[0].SetFloat(row*t.Length+k, c.Value(i*t.Length+k))
				case *array.Int32:
					v.Children[0].SetInt(row*t.Length+k, int64(c.Value(i*t.Length+k)))
				}
			}
			return nil
		}
	}
	return nil
}

func boolInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func setHuge(v *duck.Vector, row int, x duck.Huge) {
	if v.Type.Physical == duck.Int128 {
		v.SetHuge(row, x)
	} else {
		v.SetInt(row, int64(x.Lower))
	}
}

func setJSON(v *duck.Vector, row int, text string) error {
	b, err := parseJSON([]byte(text))
	if err != nil {
		return err
	}
	v.SetBytes(row, b)
	return nil
}

// setValue sets a cell from a Go value as result.Rows holds them.
func setValue(v *duck.Vector, row int, t result.Type, x any) error {
	if x == nil {
		v.SetNull(row)
		return nil
	}
	bad := func() error { return fmt.Errorf("a %T is no %s", x, t.SQL()) }
	switch t.Kind {
	case result.Fixed:
		switch n := x.(type) {
		case int64:
			return setDecimal(v, row, t, strconv.FormatInt(n, 10))
		case int:
			return setDecimal(v, row, t, strconv.Itoa(n))
		case float64:
			return setDecimal(v, row, t, strconv.FormatFloat(n, 'f', -1, 64))
		case bool:
			return setDecimal(v, row, t, strconv.FormatInt(boolInt(n), 10))
		case string:
			return setDecimal(v, row, t, n)
		case *big.Int:
			return setDecimal(v, row, t, n.String())
		}
		return bad()
	case result.Real:
		switch n := x.(type) {
		case float64:
			v.SetDouble(row, n)
		case int64:
			v.SetDouble(row, float64(n))
		case string:
			f, err := strconv.ParseFloat(n, 64)
			if err != nil && !math.IsInf(f, 0) {
				return bad()
			}
			v.SetDouble(row, f)
		default:
			return bad()
		}
	case result.Text:
		switch s := x.(type) {
		case string:
			v.SetString(row, strings.ToValidUTF8(s, "\uFFFD"))
		case []byte:
			v.SetString(row, strings.ToValidUTF8(string(s), "\uFFFD"))
		default:
			v.SetString(row, fmt.Sprint(x))
		}
	case result.Boolean:
		b, ok := x.(bool)
		if !ok {
			return bad()
		}
		v.SetInt(row, boolInt(b))
	case result.Binary:
		b, ok := x.([]byte)
		if !ok {
			return bad()
		}
		v.SetBytes(row, b)
	case result.Variant, result.Object, result.Array:
		switch s := x.(type) {
		case json.RawMessage:
			return setJSON(v, row, string(s))
		case string:
			return setJSON(v, row, s)
		default:
			b, err := json.Marshal(x)
			if err != nil {
				return bad()
			}
			return setJSON(v, row, string(b))
		}
	case result.Date:
		d, ok := x.(time.Time)
		if !ok {
			return bad()
		}
		y, m, day := d.Date()
		v.SetInt(row, time.Date(y, m, day, 0, 0, 0, 0, time.UTC).Unix()/86400)
	case result.Time:
		d, ok := x.(time.Duration)
		if !ok {
			return bad()
		}
		v.SetInt(row, d.Microseconds())
	case result.TimestampNTZ, result.TimestampLTZ:
		ts, ok := x.(time.Time)
		if !ok {
			return bad()
		}
		v.SetInt(row, ts.UnixMicro())
	case result.TimestampTZ:
		ts, ok := x.(time.Time)
		if !ok {
			return bad()
		}
		_, offset := ts.Zone()
		v.Children[0].SetInt(row, ts.UnixMicro())
		v.Children[1].SetInt(row, int64(offset/60))
	default:
		return bad()
	}
	return nil
}

// setDecimal sets a DECIMAL cell from plain digits, rounding half away from zero to its scale.
func setDecimal(v *duck.Vector, row int, t result.Type, s string) error {
	x, ok := parseDecimal(s, t.Scale)
	if !ok || x.CmpAbs(power(t.Precision)) >= 0 {
		return sqlerr.New(100038, "22018", "Numeric value '%s' is not recognized", s)
	}
	if x.IsInt64() {
		v.SetInt(row, x.Int64())
		return nil
	}
	neg := x.Sign() < 0
	b := new(big.Int).Abs(x)
	if neg { // two's complement
		b.Sub(new(big.Int).Lsh(big.NewInt(1), 128), b)
	}
	lower := new(big.Int).And(b, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
	setHuge(v, row, duck.Huge{Lower: lower, Upper: int64(new(big.Int).Rsh(b, 64).Uint64())})
	return nil
}

func power(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// parseDecimal gives s × 10^scale, rounded half away from zero.
func parseDecimal(s string, scale int) (*big.Int, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && scale == 0 {
		return big.NewInt(n), true
	}
	if len(s) > 400 {
		return nil, false
	}
	exp := 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		var err error
		if exp, err = strconv.Atoi(s[i+1:]); err != nil || exp > 400 || exp < -400 {
			return nil, false
		}
		s = s[:i]
	}
	if i := strings.IndexByte(s, '.'); i >= 0 {
		exp -= len(s) - i - 1
		s = s[:i] + s[i+1:]
	}
	x, ok := new(big.Int).SetString(s, 10)
	if !ok {
		return nil, false
	}
	exp += scale
	if exp >= 0 {
		return x.Mul(x, power(exp)), true
	}
	div := power(-exp)
	q, r := new(big.Int).QuoRem(x, div, new(big.Int))
	if r.Lsh(r.Abs(r), 1).Cmp(div) >= 0 {
		if x.Sign() < 0 {
			q.Sub(q, big.NewInt(1))
		} else {
			q.Add(q, big.NewInt(1))
		}
	}
	return q, true
}
