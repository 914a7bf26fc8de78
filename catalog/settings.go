package catalog

import (
	"encoding/json"
	"strconv"
	"strings"

	"firn/sql"
	"firn/sqlerr"
)

// Settings are an object's options in the order they were written, names in upper case.
type Settings []Setting

// Setting is one option. Words are in upper case; texts as written. List is set for NAME = (a, b), also for the empty list.
type Setting struct {
	Name  string
	Value string   `json:",omitempty"`
	List  []string `json:",omitempty"`
	Many  bool     `json:",omitempty"` // a list
}

// Get gives an option's value; ok is false where it was not set.
func (s Settings) Get(name string) (value string, ok bool) {
	for _, o := range s {
		if o.Name == name {
			return o.Value, true
		}
	}
	return "", false
}

// List gives a list option's texts; a single value is a list of one.
func (s Settings) List(name string) (list []string, ok bool) {
	for _, o := range s {
		if o.Name == name {
			if o.Many {
				return o.List, true
			}
			return []string{o.Value}, true
		}
	}
	return nil, false
}

// with gives the settings with those of more set over them.
func (s Settings) with(more Settings) Settings {
	out := append(Settings(nil), s...)
next:
	for _, m := range more {
		for i := range out {
			if out[i].Name == m.Name {
				out[i] = m
				continue next
			}
		}
		out = append(out, m)
	}
	return out
}

// ReadSettings reads options of a statement, e.g. the inside of FILE_FORMAT = (…). Names that are not known are refused by name;
// known nil means any.
func ReadSettings(options []sql.Option, property string, known func(string) bool) (Settings, error) {
	var out Settings
	for _, o := range options {
		if known != nil && !known(o.Name) {
			return nil, sqlerr.Compilation(1420, "22023", "invalid property '%s' for '%s'", o.Name, property)
		}
		s := Setting{Name: o.Name}
		switch v := o.Value; {
		case v.List != nil:
			s.Many = true
			for _, e := range v.List {
				s.List = append(s.List, scalar(e))
			}
		case v.Options != nil:
			return nil, sqlerr.Invalid("invalid value for parameter '%s'", o.Name)
		default:
			s.Value = scalar(v)
		}
		out = append(out, s)
	}
	return out, nil
}

// scalar is a value's text: a word in upper case, a text as it is, a name with quotes where they are needed.
func scalar(v sql.Value) string {
	switch {
	case v.Text != nil:
		return v.Text.Value
	case v.Number != "":
		return v.Number
	case v.Name != nil:
		return nameText(*v.Name)
	}
	return v.Word
}

func nameText(n sql.Name) string {
	p := make([]string, len(n.Parts))
	for i, id := range n.Parts {
		p[i] = sql.QuoteIdent(id.Name)
	}
	return strings.Join(p, ".")
}

// option finds an option of a statement.
func option(options []sql.Option, name string) (sql.Value, bool) {
	for _, o := range options {
		if o.Name == name {
			return o.Value, true
		}
	}
	return sql.Value{}, false
}

// boolean reads TRUE or FALSE, quoted or not.
func boolean(name string, v sql.Value) (bool, error) {
	switch strings.ToUpper(scalar(v)) {
	case "TRUE", "":
		return true, nil
	case "FALSE":
		return false, nil
	}
	return false, sqlerr.Invalid("invalid value '%s' for parameter '%s'", scalar(v), name)
}

// pack and unpackSettings are the stored form.
func pack(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil { // only strings and booleans are packed
		return json.RawMessage("{}")
	}
	return b
}

func property(name, kind string, value, def any) []any { return []any{name, kind, value, def} }

func boolText(b bool) string { return strconv.FormatBool(b) }

func yn(b bool) string {
	if b {
		return "Y"
	}
	return "N"
}
