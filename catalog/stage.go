package catalog

import (
	"context"
	"encoding/json"
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/store"
)

// Stage is a named internal stage. Dir is the name of its directory among the stages' files; no two stages ever share one.
type Stage struct {
	Database, Schema, Name string
	Dir                    string
	Temporary              bool
	Encryption             string // SNOWFLAKE_FULL, SNOWFLAKE_SSE: recorded; files lie plain on the server's disk
	FileFormat             FileFormat
	FormatName             string // FILE_FORMAT = (FORMAT_NAME = …), "" if none
	CopyOptions            Settings
}

type storedStage struct {
	Encryption string       `json:",omitempty"`
	Directory  bool         `json:",omitempty"`
	Format     storedFormat `json:",omitzero"`
	FormatName string       `json:",omitempty"`
	Copy       Settings     `json:",omitempty"`
}

func (o *object) stage() storedStage {
	var s storedStage
	_ = json.Unmarshal(o.Settings, &s) // written by pack
	if s.Format.Type == "" {
		s.Format.Type = "CSV"
	}
	if s.Encryption == "" {
		s.Encryption = "SNOWFLAKE_FULL"
	}
	return s
}

// Stage finds a stage by its name as written. Errors are 002003, 090105, 090106 (op is the statement's name in these). It checks no
// privilege.
func (c *Catalog) Stage(ctx context.Context, sc *statement.Context, name sql.Name, op string) (Stage, error) {
	o, err := c.find(ctx, sc, &c.stages, name, op)
	if err != nil {
		return Stage{}, err
	}
	s := o.stage()
	return Stage{Database: o.Database, Schema: o.Schema, Name: o.Name, Dir: o.dir, Temporary: o.session != 0, Encryption: s.Encryption,
		FileFormat: FileFormat{Type: s.Format.Type, Options: s.Format.Options}, FormatName: s.FormatName, CopyOptions: s.Copy}, nil
}

// StageDirs says which directories belong to a stage that is there; the room with the files sweeps the others.
func (c *Catalog) StageDirs() map[string]bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	dirs := map[string]bool{}
	for _, o := range c.stages.named {
		dirs[o.dir] = true
	}
	for _, t := range c.stages.temp {
		for _, o := range t {
			dirs[o.dir] = true
		}
	}
	return dirs
}

var copyOptions = []formatOption{
	{"ON_ERROR", "String", "ABORT_STATEMENT"}, {"SIZE_LIMIT", "Long", ""}, {"PURGE", "Boolean", "false"}, {"RETURN_FAILED_ONLY", "Boolean", "false"},
	{"ENFORCE_LENGTH", "Boolean", "true"}, {"TRUNCATECOLUMNS", "Boolean", "false"}, {"FORCE", "Boolean", "false"},
}

// setStage lays a statement's options over a stage's settings.
func setStage(s *storedStage, options []sql.Option, alter bool) error {
	for _, o := range options {
		switch o.Name {
		case "COMMENT":
		case "ENCRYPTION":
			v, _ := option(o.Value.Options, "TYPE")
			t := strings.ToUpper(scalar(v))
			if alter && t != s.Encryption {
				return sqlerr.Invalid("the encryption type of a stage cannot be altered")
			}
			if t != "SNOWFLAKE_FULL" && t != "SNOWFLAKE_SSE" {
				return sqlerr.Invalid("invalid value '%s' for property 'ENCRYPTION'", t)
			}
			s.Encryption = t
		case "DIRECTORY":
			for _, d := range o.Value.Options {
				on, err := boolean(d.Name, d.Value)
				if err != nil {
					return err
				}
				switch d.Name {
				case "ENABLE":
					s.Directory = on
				case "AUTO_REFRESH", "REFRESH_ON_CREATE": // a directory table reads the files themselves
				default:
					return sqlerr.Compilation(1420, "22023", "invalid property '%s' for 'DIRECTORY'", d.Name)
				}
			}
		case "FILE_FORMAT":
			if o.Value.Options == nil { // FILE_FORMAT = name
				s.FormatName, s.Format = scalar(o.Value), storedFormat{Type: "CSV"}
				continue
			}
			f, err := readFormat(o.Value.Options, "FILE_FORMAT")
			if err != nil {
				return err
			}
			s.Format = storedFormat{f.Type, f.Options}
			s.FormatName = ""
			if v, ok := option(o.Value.Options, "FORMAT_NAME"); ok {
				s.FormatName = scalar(v)
			}
		case "COPY_OPTIONS":
			set, err := ReadSettings(o.Value.Options, "COPY_OPTIONS", func(name string) bool {
				for _, k := range copyOptions {
					if k.name == name {
						return true
					}
				}
				return false
			})
			if err != nil {
				return err
			}
			s.Copy = s.Copy.with(set)
		case "URL", "STORAGE_INTEGRATION", "CREDENTIALS", "ENDPOINT", "AWS_ACCESS_POINT_ARN", "USE_PRIVATELINK_ENDPOINT":
			return sqlerr.Unsupported("external stage (%s)", o.Name)
		case "TAG":
			return sqlerr.Unsupported("TAG on a stage")
		default:
			return sqlerr.Compilation(1420, "22023", "invalid property '%s' for 'STAGE'", o.Name)
		}
	}
	return nil
}

func (c *Catalog) createStage(ctx context.Context, sc *statement.Context, st *sql.Create) (string, error) {
	if st.OrAlter {
		return "", sqlerr.Unsupported("CREATE OR ALTER STAGE")
	}
	s := storedStage{Encryption: "SNOWFLAKE_FULL"}
	if err := setStage(&s, st.Options, false); err != nil {
		return "", err
	}
	o := &object{SchemaObject: store.SchemaObject{Settings: pack(s), Comment: comment(st.Options)}}
	return c.create(ctx, sc, &c.stages, st, o, func(from *object) { o.Settings = from.Settings })
}

func (c *Catalog) alterStage(ctx context.Context, sc *statement.Context, st *sql.Alter) (string, error) {
	return c.alter(ctx, sc, &c.stages, st, func(o *object) error {
		s := o.stage()
		if err := setStage(&s, st.Options, true); err != nil {
			return err
		}
		o.Settings = pack(s)
		return nil
	})
}

var stageColumns = []result.Column{
	result.TimeColumn("created_on"), result.TextColumn("name"), result.TextColumn("database_name"), result.TextColumn("schema_name"),
	result.TextColumn("url"), result.TextColumn("has_credentials"), result.TextColumn("has_encryption_key"), result.TextColumn("owner"),
	result.TextColumn("comment"), result.TextColumn("region"), result.TextColumn("type"), result.TextColumn("cloud"),
	result.TextColumn("notification_channel"), result.TextColumn("storage_integration"), result.TextColumn("endpoint"),
	result.TextColumn("owner_role_type"), result.TextColumn("directory_enabled"),
}

func (c *Catalog) showStages(ctx context.Context, sc *statement.Context, st *sql.Show) ([][]any, error) {
	return c.showObjects(ctx, sc, &c.stages, st, func(o *object, database, schema string) []any {
		kind := "INTERNAL"
		if o.session != 0 {
			kind = "INTERNAL TEMPORARY"
		}
		s := o.stage()
		if s.Encryption == "SNOWFLAKE_SSE" {
			kind += " NO CSE"
		}
		return []any{o.Created, o.Name, database, schema, "", "N", "N", o.Owner, o.Comment, nil, kind, nil, nil, nil, nil, "ROLE", yn(s.Directory)}
	})
}

var describeStageColumns = []result.Column{
	result.TextColumn("parent_property"), result.TextColumn("property"), result.TextColumn("property_type"),
	result.TextColumn("property_value"), result.TextColumn("property_default"),
}

func (c *Catalog) describeStage(ctx context.Context, sc *statement.Context, st *sql.Describe) ([][]any, error) {
	o, err := c.find(ctx, sc, &c.stages, st.Name, "DESCRIBE STAGE")
	if err != nil {
		return nil, err
	}
	if err := c.requireOn(ctx, sc, &c.stages, o, "READ"); err != nil {
		return nil, err
	}
	s := o.stage()
	var out [][]any
	if s.FormatName != "" {
		out = append(out, []any{"STAGE_FILE_FORMAT", "FORMAT_NAME", "String", s.FormatName, ""})
	} else {
		for _, p := range formatProperties(FileFormat{Type: s.Format.Type, Options: s.Format.Options}) {
			out = append(out, append([]any{"STAGE_FILE_FORMAT"}, p...))
		}
	}
	for _, d := range copyOptions {
		value := d.value
		if v, ok := s.Copy.Get(d.name); ok {
			value = v
			if d.kind == "Boolean" {
				value = strings.ToLower(v)
			}
		}
		out = append(out, []any{"STAGE_COPY_OPTIONS", d.name, d.kind, value, d.value})
	}
	return append(out,
		[]any{"STAGE_LOCATION", "URL", "String", "", ""},
		[]any{"DIRECTORY", "ENABLE", "Boolean", boolText(s.Directory), "false"},
		[]any{"DIRECTORY", "AUTO_REFRESH", "Boolean", "false", "false"}), nil
}
