package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// SchemaObject is what stages and file formats have in common: a row in a schema of the name tree. Database and Schema are the
// names of that schema when the row was made. Settings is the owner's JSON.
type SchemaObject struct {
	ID                     int64
	SchemaID               int64
	Database, Schema, Name string
	Settings               json.RawMessage
	Owner, Comment         string
	Created                time.Time
}

// grantKey is the object key of grants on it.
func (o SchemaObject) grantKey() string { return strconv.FormatInt(o.SchemaID, 10) + "/" + o.Name }

// Stages are all stages.
func (s *Store) Stages(ctx context.Context) ([]SchemaObject, error) {
	return s.schemaObjects(ctx, "stage")
}

// FileFormats are all file formats.
func (s *Store) FileFormats(ctx context.Context) ([]SchemaObject, error) {
	return s.schemaObjects(ctx, "file_format")
}

func (s *Store) schemaObjects(ctx context.Context, table string) ([]SchemaObject, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT id, schema_id, database, schema, name, settings, owner, comment, created FROM `+table+` ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("store: %s: %w", table, err)
	}
	defer rows.Close()
	var all []SchemaObject
	for rows.Next() {
		var o SchemaObject
		var settings string
		var created int64
		if err := rows.Scan(&o.ID, &o.SchemaID, &o.Database, &o.Schema, &o.Name, &settings, &o.Owner, &o.Comment, &created); err != nil {
			return nil, fmt.Errorf("store: %s: %w", table, err)
		}
		o.Settings, o.Created = json.RawMessage(settings), fromMicro(created)
		all = append(all, o)
	}
	return all, rows.Err()
}

// CreateStage keeps a new stage and gives its id. old, if not nil, goes in the same transaction, its directory to the trash.
func (s *Store) CreateStage(ctx context.Context, o SchemaObject, old *SchemaObject) (int64, error) {
	return s.createSchemaObject(ctx, "stage", o, func(tx *sql.Tx) error {
		if old == nil {
			return nil
		}
		return dropStage(ctx, tx, *old)
	})
}

// CreateFileFormat keeps a new file format and gives its id; old, if not nil, goes in the same transaction.
func (s *Store) CreateFileFormat(ctx context.Context, o SchemaObject, old *SchemaObject) (int64, error) {
	return s.createSchemaObject(ctx, "file_format", o, func(tx *sql.Tx) error {
		if old == nil {
			return nil
		}
		return dropFileFormat(ctx, tx, *old)
	})
}

func (s *Store) createSchemaObject(ctx context.Context, table string, o SchemaObject, before func(*sql.Tx) error) (id int64, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		if err := before(tx); err != nil {
			return err
		}
		r, err := tx.ExecContext(ctx, `INSERT INTO `+table+` (schema_id, database, schema, name, settings, owner, comment, created) VALUES (?,?,?,?,?,?,?,?)`,
			o.SchemaID, o.Database, o.Schema, o.Name, string(o.Settings), o.Owner, o.Comment, micro(o.Created))
		if err != nil {
			return fmt.Errorf("store: create %s %s: %w", table, o.Name, err)
		}
		id, err = r.LastInsertId()
		return err
	})
	return id, err
}

// AlterStage replaces name, settings, owner and comment; grants follow a new name.
func (s *Store) AlterStage(ctx context.Context, old, o SchemaObject) error {
	return s.alterSchemaObject(ctx, "stage", "STAGE", old, o)
}

// AlterFileFormat replaces name, settings, owner and comment; grants follow a new name.
func (s *Store) AlterFileFormat(ctx context.Context, old, o SchemaObject) error {
	return s.alterSchemaObject(ctx, "file_format", "FILE FORMAT", old, o)
}

func (s *Store) alterSchemaObject(ctx context.Context, table, kind string, old, o SchemaObject) error {
	return s.exec(ctx, "alter "+table,
		step{`UPDATE ` + table + ` SET schema_id = ?, database = ?, schema = ?, name = ?, settings = ?, owner = ?, comment = ? WHERE id = ?`,
			[]any{o.SchemaID, o.Database, o.Schema, o.Name, string(o.Settings), o.Owner, o.Comment, o.ID}},
		step{`UPDATE account_grant SET object = ?, name = ? WHERE kind = ? AND object = ?`, []any{o.grantKey(), o.Name, kind, old.grantKey()}})
}

// DropStage removes the row and puts its directory on the trash list, from which the room with the files takes it.
func (s *Store) DropStage(ctx context.Context, o SchemaObject) error {
	return s.update(ctx, func(tx *sql.Tx) error { return dropStage(ctx, tx, o) })
}

func dropStage(ctx context.Context, tx *sql.Tx, o SchemaObject) error {
	for _, q := range []step{
		{`DELETE FROM stage WHERE id = ?`, []any{o.ID}},
		{`INSERT INTO stage_trash (dir) VALUES (?) ON CONFLICT DO NOTHING`, []any{strconv.FormatInt(o.ID, 10)}},
		{`DELETE FROM account_grant WHERE kind = 'STAGE' AND object = ?`, []any{o.grantKey()}},
	} {
		if _, err := tx.ExecContext(ctx, q.SQL, q.Args...); err != nil {
			return fmt.Errorf("store: drop stage: %w", err)
		}
	}
	return nil
}

// DropFileFormat removes the row and the grants on it.
func (s *Store) DropFileFormat(ctx context.Context, o SchemaObject) error {
	return s.update(ctx, func(tx *sql.Tx) error { return dropFileFormat(ctx, tx, o) })
}

func dropFileFormat(ctx context.Context, tx *sql.Tx, o SchemaObject) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM file_format WHERE id = ?`, o.ID); err != nil {
		return fmt.Errorf("store: drop file format: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM account_grant WHERE kind = 'FILE FORMAT' AND object = ?`, o.grantKey()); err != nil {
		return fmt.Errorf("store: drop file format: %w", err)
	}
	return nil
}

// StageTrash lists the directories of stages that are gone.
func (s *Store) StageTrash(ctx context.Context) ([]string, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT dir FROM stage_trash`)
	if err != nil {
		return nil, fmt.Errorf("store: trash: %w", err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var d string
		if err := rows.Scan(&d); err != nil {
			return nil, fmt.Errorf("store: trash: %w", err)
		}
		all = append(all, d)
	}
	return all, rows.Err()
}

// ForgetStageTrash takes a directory off the list: it is removed.
func (s *Store) ForgetStageTrash(ctx context.Context, dir string) error {
	return s.exec(ctx, "trash", step{`DELETE FROM stage_trash WHERE dir = ?`, []any{dir}})
}
