package main

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"firn/catalog"
	"firn/job"
	environments "firn/runtime"
	"firn/sql"
	"firn/sqlerr"
	"firn/stage"
	"firn/statement"
	"firn/warehouse"
)

// tree is warehouse's name tree as catalog asks for it.
type tree struct{ *warehouse.Warehouse }

func (t tree) Exists(_ context.Context, id int64) (bool, error) {
	live, hidden := t.Warehouse.Exists(id)
	return live || hidden, nil
}

// owners are the rooms' ways to say which role owns an object; the later ones are added when their rooms are there.
type owners []func(ctx context.Context, kind string, name []string) (role string, ok bool, err error)

func (o *owners) find(ctx context.Context, kind string, name []string) (string, bool, error) {
	for _, f := range *o {
		if role, ok, err := f(ctx, kind, name); ok || err != nil {
			return role, ok, err
		}
	}
	return "", false, nil
}

// objects says what USE may name.
type objects struct {
	wh  *warehouse.Warehouse
	cat *catalog.Catalog
}

func (o objects) Exists(ctx context.Context, sc *statement.Context, kind string, name []string) (bool, error) {
	var err error
	switch kind {
	case "DATABASE":
		_, err = o.wh.DatabaseID(ctx, name[0])
	case "SCHEMA":
		_, err = o.wh.SchemaID(ctx, name[0], name[1])
	case "WAREHOUSE":
		err = o.cat.UseWarehouse(ctx, sc, name[0])
	case "ROLE":
		err = o.cat.UseRole(ctx, sc, name[0])
	}
	if sqlerr.Is(err, 2003) || sqlerr.Is(err, 2043) {
		return false, nil
	}
	return err == nil, err
}

// runtimes gives job the environments of images. The launcher is compiled beside each.
type runtimes struct {
	manager  *environments.Manager
	launcher string
}

func (r runtimes) Resolve(request string) (string, error) {
	image, err := r.manager.Resolve(context.Background(), request)
	if err != nil {
		return "", err
	}
	return image.String(), nil
}

func (r runtimes) Minor(image string) (string, error) {
	i, err := r.manager.Resolve(context.Background(), image)
	return i.Minor, err
}

func (r runtimes) Ensure(ctx context.Context, image string, progress func(string)) (job.Environment, error) {
	i, err := r.manager.Resolve(ctx, image)
	if err != nil {
		return job.Environment{}, err
	}
	e, err := r.manager.Ensure(ctx, i.Minor, progress)
	if err != nil {
		return job.Environment{}, err
	}
	if err := r.manager.Compile(ctx, e, r.launcher); err != nil {
		return job.Environment{}, err
	}
	return job.Environment(e), nil
}

func (r runtimes) Satisfied(ctx context.Context, e job.Environment, requirements string) error {
	return r.manager.Satisfied(ctx, environments.Environment(e), requirements)
}

// stageFiles is what warehouse asks of stages: their files and their formats.
type stageFiles struct {
	stages *stage.Stages
	cat    *catalog.Catalog
	opened sync.Map // path given to warehouse: stage.File
}

// Files opens each file within its stage (a job may have left links there) and names it by its descriptor, which ends with the statement.
func (s *stageFiles) Files(ctx context.Context, sc *statement.Context, p sql.StagePath, pattern string, files []string) ([]warehouse.StageFile, error) {
	found, err := s.stages.Files(ctx, sc, p, pattern, files)
	if err != nil {
		return nil, err
	}
	out := make([]warehouse.StageFile, len(found))
	for i, f := range found {
		file, err := s.stages.Open(f)
		if err != nil {
			return nil, err
		}
		path := fmt.Sprintf("/proc/self/fd/%d", file.Fd())
		s.opened.Store(path, f)
		context.AfterFunc(ctx, func() {
			s.opened.Delete(path)
			file.Close()
		})
		out[i] = warehouse.StageFile{Name: f.Name, Path: path, Size: f.Size, Modified: f.Modified}
	}
	return out, nil
}

func (s *stageFiles) FileFormat(ctx context.Context, sc *statement.Context, name sql.Name) ([]sql.Option, error) {
	f, err := s.cat.FileFormat(ctx, sc, name)
	return formatOptions(f), err
}

func (s *stageFiles) StageFormat(ctx context.Context, sc *statement.Context, p sql.StagePath) ([]sql.Option, error) {
	if p.User || p.Table != nil {
		return nil, nil
	}
	st, err := s.cat.Stage(ctx, sc, p.Stage, "SELECT")
	if err != nil || st.FormatName == "" {
		return formatOptions(st.FileFormat), err
	}
	name, err := sql.ParseName(st.FormatName)
	if err != nil {
		return nil, err
	}
	return s.FileFormat(ctx, sc, name)
}

// formatOptions writes a format's settings as options of a statement.
func formatOptions(f catalog.FileFormat) []sql.Option {
	if f.Type == "" {
		return nil
	}
	value := func(text string) sql.Value { return sql.Value{Text: &sql.Text{Value: text}} }
	out := []sql.Option{{Name: "TYPE", Value: sql.Value{Word: f.Type, Raw: f.Type}}}
	for _, o := range f.Options {
		v := value(o.Value)
		if o.Many {
			v = sql.Value{List: []sql.Value{}}
			for _, item := range o.List {
				v.List = append(v.List, value(item))
			}
		}
		out = append(out, sql.Option{Name: o.Name, Value: v})
	}
	return out
}

// Remove takes what Files gave in the same statement.
func (s *stageFiles) Remove(_ context.Context, _ *statement.Context, files []warehouse.StageFile) error {
	for _, f := range files {
		opened, ok := s.opened.Load(f.Path)
		if !ok {
			return fmt.Errorf("stage file %s is not open", f.Name)
		}
		if err := s.stages.RemoveFile(opened.(stage.File)); err != nil {
			return err
		}
	}
	return nil
}

func (s *stageFiles) Create(ctx context.Context, sc *statement.Context, p sql.StagePath, name string) (string, func() error, error) {
	if p.Path != "" && !strings.HasSuffix(p.Path, "/") {
		p.Path += "/"
	}
	p.Path += name
	u, err := s.stages.Create(ctx, sc, p)
	if err != nil {
		return "", nil, err
	}
	context.AfterFunc(ctx, u.Abort) // does nothing after Commit
	return u.Path(), func() error { return u.Commit(true) }, nil
}
