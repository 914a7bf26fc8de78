package catalog

import (
	"context"
	"strings"

	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

// filter is what LIKE, STARTS WITH and LIMIT … FROM leave of a SHOW. Names are compared in order, so FROM is a bound.
type filter struct {
	like, starts, from string
	hasLike            bool
	limit              int
}

func newFilter(s *sql.Show) filter {
	f := filter{limit: s.Limit}
	if s.Like != nil {
		f.like, f.hasLike = s.Like.Value, true
	}
	if s.StartsWith != nil {
		f.starts = s.StartsWith.Value
	}
	if s.From != nil {
		f.from = s.From.Value
	}
	return f
}

func (f filter) name(name string) bool {
	if f.hasLike && !like(f.like, name) {
		return false
	}
	return strings.HasPrefix(name, f.starts) && (f.from == "" || name > f.from)
}

// most rows that SHOW gives.
const most = 10000

func (f filter) full(n int) bool { return f.limit >= 0 && n >= f.limit || n >= most }

// like matches SQL's LIKE without regard to letter case, as SHOW does. A backslash takes the next character's meaning away.
func like(pattern, s string) bool {
	p, t := []rune(strings.ToUpper(pattern)), []rune(strings.ToUpper(s))
	// Iterative with one point of return: the last % seen.
	i, j, star, mark := 0, 0, -1, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '%':
			star, mark = i, j
			i++
		case i < len(p) && p[i] == '_':
			i, j = i+1, j+1
		case i+1 < len(p) && p[i] == '\\' && p[i+1] == t[j]:
			i, j = i+2, j+1
		case i < len(p) && p[i] != '\\' && p[i] == t[j]:
			i, j = i+1, j+1
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '%' {
		i++
	}
	return i == len(p)
}

// scope is what IN names: all, a database, or a schema.
type scope struct{ database, schema string }

func (s scope) holds(database, schema string) bool {
	return (s.database == "" || s.database == database) && (s.schema == "" || s.schema == schema)
}

// scope reads IN of a SHOW of objects in schemas, and checks that what it names is there.
func (c *Catalog) scope(ctx context.Context, sc *statement.Context, s *sql.Show) (scope, error) {
	var in scope
	switch s.In {
	case "ACCOUNT":
		return in, nil
	case "DATABASE":
		in.database = sc.Database
		if s.InName != nil {
			p := parts(*s.InName)
			if len(p) != 1 {
				return in, sqlerr.Invalid("the name of a database has one part")
			}
			in.database = p[0]
		}
	case "SCHEMA", "":
		switch {
		case s.InName != nil:
			p := parts(*s.InName)
			switch {
			case len(p) == 1 && sc.Database == "":
				return in, sqlerr.NoDatabase("SHOW " + s.Kind)
			case len(p) == 1:
				in = scope{sc.Database, p[0]}
			case len(p) == 2:
				in = scope{p[0], p[1]}
			default:
				return in, sqlerr.Invalid("the name of a schema has one or two parts")
			}
		case s.In == "SCHEMA":
			in = scope{sc.Database, sc.Schema}
		default:
			in.database = sc.Database
		}
	default:
		return in, sqlerr.Unsupported("SHOW %s IN %s", s.Kind, s.In)
	}
	if in.schema != "" {
		_, err := c.tree.SchemaID(ctx, in.database, in.schema)
		return in, err
	}
	if in.database != "" {
		_, err := c.tree.DatabaseID(ctx, in.database)
		return in, err
	}
	return in, nil
}
