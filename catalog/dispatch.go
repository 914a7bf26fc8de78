package catalog

import (
	"context"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

// runner carries out one statement; with describe it only gives the columns.
type runner func(ctx context.Context, sc *statement.Context, describe bool) (*result.Result, error)

// Handles says whether a statement is this room's.
func (c *Catalog) Handles(s sql.Statement) bool { return c.runner(s) != nil }

// Run carries out a statement that Handles. With describe nothing is changed and the result has columns only.
func (c *Catalog) Run(ctx context.Context, sc *statement.Context, p *sql.Parsed, describe bool) (*result.Result, error) {
	run := c.runner(p.Statement)
	if run == nil {
		return nil, sqlerr.Unsupported("%T", p.Statement)
	}
	return run(ctx, sc, describe)
}

// runner is the table of what this room does.
func (c *Catalog) runner(s sql.Statement) runner {
	switch s := s.(type) {
	case *sql.Create:
		switch s.Kind {
		case "STAGE":
			return status(s, c.createStage)
		case "FILE FORMAT":
			return status(s, c.createFormat)
		case "WAREHOUSE":
			return status(s, c.createWarehouse)
		case "ROLE":
			return status(s, c.createRole)
		case "USER":
			return status(s, c.createUser)
		}
	case *sql.Alter:
		switch s.Kind {
		case "STAGE":
			return status(s, c.alterStage)
		case "FILE FORMAT":
			return status(s, c.alterFormat)
		case "WAREHOUSE":
			return status(s, c.alterWarehouse)
		case "ROLE":
			return status(s, c.alterRole)
		case "USER":
			return status(s, c.alterUser)
		}
	case *sql.Drop:
		switch s.Kind {
		case "STAGE", "FILE FORMAT":
			return status(s, c.dropObject)
		case "WAREHOUSE":
			return status(s, c.dropWarehouse)
		case "ROLE":
			return status(s, c.dropRole)
		case "USER":
			return status(s, c.dropUser)
		}
	case *sql.Comment:
		switch s.Kind {
		case "STAGE", "FILE FORMAT", "WAREHOUSE", "ROLE", "USER":
			return status(s, c.comment)
		}
	case *sql.Grant:
		return status(s, c.grant)
	case *sql.Show:
		switch s.Kind {
		case "STAGES":
			return rows(s, result.TypeShow, stageColumns, c.showStages)
		case "FILE FORMATS":
			return rows(s, result.TypeShow, formatColumns, c.showFormats)
		case "WAREHOUSES":
			return rows(s, result.TypeShow, warehouseColumns, c.showWarehouses)
		case "ROLES":
			return rows(s, result.TypeShow, roleColumns, c.showRoles)
		case "USERS":
			return rows(s, result.TypeShow, userColumns, c.showUsers)
		case "GRANTS":
			return rows(s, result.TypeShow, grantColumns(s), c.showGrants)
		}
	case *sql.Describe:
		switch s.Kind {
		case "STAGE":
			return rows(s, result.TypeDescribe, describeStageColumns, c.describeStage)
		case "FILE FORMAT":
			return rows(s, result.TypeDescribe, describeFormatColumns, c.describeFormat)
		case "WAREHOUSE":
			return rows(s, result.TypeDescribe, describeWarehouseColumns, c.describeWarehouse)
		case "USER":
			return rows(s, result.TypeDescribe, describeUserColumns, c.describeUser)
		case "ROLE":
			return rows(s, result.TypeDescribe, describeRoleColumns, c.describeRole)
		}
	}
	return nil
}

// status wraps a statement that answers with one line.
func status[S sql.Statement](s S, do func(context.Context, *statement.Context, S) (string, error)) runner {
	return func(ctx context.Context, sc *statement.Context, describe bool) (*result.Result, error) {
		if describe {
			r := result.Status("")
			r.Rows = nil
			return r, nil
		}
		text, err := do(ctx, sc, s)
		if err != nil {
			return nil, err
		}
		return result.Status(text), nil
	}
}

// rows wraps a statement that answers with rows.
func rows[S sql.Statement](s S, t result.StatementType, columns []result.Column, do func(context.Context, *statement.Context, S) ([][]any, error)) runner {
	return func(ctx context.Context, sc *statement.Context, describe bool) (*result.Result, error) {
		r := &result.Result{Columns: columns, Type: t}
		if describe {
			return r, nil
		}
		var err error
		if r.Rows, err = do(ctx, sc, s); err != nil {
			return nil, err
		}
		return r, nil
	}
}
