package warehouse

import (
	"context"
	"strings"

	"firn/result"
	"firn/statement"
)

var (
	infoTables   = cols("TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_OWNER TABLE_TYPE IS_TRANSIENT CLUSTERING_KEY ROW_COUNT:i BYTES:i RETENTION_TIME:i CREATED:t LAST_ALTERED:t IS_TEMPORARY COMMENT")
	infoColumns  = cols("TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME ORDINAL_POSITION:i COLUMN_DEFAULT IS_NULLABLE DATA_TYPE CHARACTER_MAXIMUM_LENGTH:i CHARACTER_OCTET_LENGTH:i NUMERIC_PRECISION:i NUMERIC_PRECISION_RADIX:i NUMERIC_SCALE:i DATETIME_PRECISION:i IS_IDENTITY IDENTITY_START IDENTITY_INCREMENT COMMENT")
	infoSchemata = cols("CATALOG_NAME SCHEMA_NAME SCHEMA_OWNER IS_TRANSIENT IS_MANAGED_ACCESS RETENTION_TIME:i CREATED:t LAST_ALTERED:t COMMENT")
	infoDatabase = cols("DATABASE_NAME DATABASE_OWNER IS_TRANSIENT COMMENT CREATED:t LAST_ALTERED:t RETENTION_TIME:i TYPE")
	infoViews    = cols("TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_OWNER VIEW_DEFINITION CHECK_OPTION IS_UPDATABLE IS_SECURE CREATED:t LAST_ALTERED:t COMMENT")
)

// informationView makes one view of a database's INFORMATION_SCHEMA, nil if there is none of that name.
func (w *Warehouse) informationView(ctx context.Context, sc *statement.Context, db *object, name string) (*result.Result, error) {
	r := &result.Result{}
	add := func(cells ...any) { r.Rows = append(r.Rows, cells) }
	yes := func(b bool) string {
		if b {
			return "YES"
		}
		return "NO"
	}
	empty := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	in := scope{db: db}
	days := func(o *object) int64 { return int64(w.retention(o).Hours() / 24) }
	switch name {
	case "TABLES":
		r.Columns = infoTables
		list := w.visible(sc, in, kindTable, kindView)
		sizes, err := w.sizes(ctx, list)
		if err != nil {
			return nil, err
		}
		for _, o := range list {
			p := w.path(o)
			kind := "BASE TABLE"
			if o.Kind == kindView {
				kind = "VIEW"
			} else if o.temporary() {
				kind = "LOCAL TEMPORARY"
			}
			add(p[0], p[1], o.Name, o.Owner, kind, yes(o.Lifetime == "TRANSIENT"), nil, sizes[o.Physical], nil, days(o), o.Created, o.Altered, yes(o.temporary()), empty(o.Comment))
		}
	case "VIEWS":
		r.Columns = infoViews
		for _, o := range w.visible(sc, in, kindView) {
			p := w.path(o)
			add(p[0], p[1], o.Name, o.Owner, o.Statement, "NONE", "NO", yes(o.Secure), o.Created, o.Altered, empty(o.Comment))
		}
	case "SCHEMATA":
		r.Columns = infoSchemata
		for _, o := range w.visible(sc, in, kindSchema) {
			add(db.Name, o.Name, o.Owner, yes(o.Lifetime == "TRANSIENT"), yes(o.Managed), days(o), o.Created, o.Altered, empty(o.Comment))
		}
		add(db.Name, informationSchema, nil, "NO", "NO", int64(1), db.Created, db.Altered, "Views describing the contents of schemas in this database")
	case "DATABASES":
		r.Columns = infoDatabase
		for _, o := range w.visible(sc, scope{}, kindDatabase) {
			add(o.Name, o.Owner, yes(o.Lifetime == "TRANSIENT"), empty(o.Comment), o.Created, o.Altered, days(o), "STANDARD")
		}
	case "COLUMNS":
		r.Columns = infoColumns
		for _, o := range w.visible(sc, in, kindTable, kindView) {
			p := w.path(o)
			for i := range o.Columns {
				c := &o.Columns[i]
				var length, octets, precision, radix, scale, digits, start, step any
				word := strings.ToUpper(c.typ.Kind.String())
				switch t := c.typ; t.Kind {
				case result.Fixed:
					word, precision, radix, scale = "NUMBER", int64(t.Precision), int64(10), int64(t.Scale)
				case result.Real:
					word = "FLOAT"
				case result.Text:
					length, octets = int64(t.TextLength()), int64(min(4*t.TextLength(), result.MaxText))
				case result.Binary:
					octets = int64(t.BinaryLength())
				case result.Time, result.TimestampNTZ, result.TimestampLTZ, result.TimestampTZ:
					digits = int64(t.Scale)
				}
				if c.Identity != nil {
					start, step = itoa(c.Identity.Start), itoa(c.Identity.Step)
				}
				add(p[0], p[1], o.Name, c.Name, int64(i+1), empty(c.Default), yes(!c.NotNull), word, length, octets, precision, radix, scale, digits, yes(c.Identity != nil), start, step, empty(c.Comment))
			}
		}
	default:
		return nil, nil
	}
	return r, nil
}
