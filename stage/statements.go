package stage

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

// Handles says whether a statement is this room's.
func (s *Stages) Handles(st sql.Statement) bool {
	switch st.(type) {
	case *sql.Put, *sql.Get, *sql.List, *sql.CopyFiles:
		return true
	}
	return false
}

var (
	listColumns   = []result.Column{result.TextColumn("name"), result.IntColumn("size"), result.TextColumn("md5"), result.TextColumn("last_modified")}
	removeColumns = []result.Column{result.TextColumn("name"), result.TextColumn("result")}
	copyColumns   = []result.Column{result.TextColumn("file")}
	countColumns  = []result.Column{result.IntColumn("numOfFilesCopied")}
)

// Run carries out a statement that Handles. With describe nothing is done and the result has columns only.
func (s *Stages) Run(ctx context.Context, sc *statement.Context, p *sql.Parsed, describe bool) (*result.Result, error) {
	var r *result.Result
	var err error
	switch st := p.Statement.(type) {
	case *sql.Put:
		r, err = s.put(ctx, sc, st)
	case *sql.Get:
		r, err = s.get(ctx, sc, st)
	case *sql.List:
		if st.Remove {
			r = &result.Result{Columns: removeColumns, Type: result.TypeOther}
		} else {
			r = &result.Result{Columns: listColumns, Type: result.TypeShow}
		}
		if describe {
			return r, nil
		}
		if st.Remove {
			r.Rows, err = s.removeRows(ctx, sc, st)
		} else {
			r.Rows, err = s.listRows(ctx, sc, st)
		}
	case *sql.CopyFiles:
		r, err = s.copyFiles(ctx, sc, st, describe)
	default:
		return nil, sqlerr.Unsupported("%T", p.Statement)
	}
	if err != nil {
		return nil, failure(err)
	}
	return r, nil
}

// matcher reads PATTERN: a regular expression that must match the whole path in the stage. nil matches all.
func matcher(pattern string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(`\A(?s:` + pattern + `)\z`)
	if err != nil {
		return nil, sqlerr.Invalid("invalid regular expression in PATTERN: '%s'", pattern)
	}
	return re, nil
}

func patternOf(t *sql.Text) (*regexp.Regexp, error) {
	if t == nil || t.Null {
		return nil, nil
	}
	return matcher(t.Value)
}

func kept(all []entry, re *regexp.Regexp) []entry {
	if re == nil {
		return all
	}
	out := all[:0]
	for _, e := range all {
		if re.MatchString(e.path) {
			out = append(out, e)
		}
	}
	return out
}

// entries opens a spot's tree and lists it; root is nil where there is nothing. exact takes a file by its whole name first.
func (s *Stages) entries(ctx context.Context, at spot, re *regexp.Regexp, exact bool) (*os.Root, []entry, error) {
	root, err := s.openTree(at.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	look := list
	if exact {
		look = choose
	}
	all, err := look(ctx, root, at.path)
	if err != nil {
		root.Close()
		return nil, nil, err
	}
	return root, kept(all, re), nil
}

// get answers GET: the files and a URL for each (client-protocol.md §3.3).
func (s *Stages) get(ctx context.Context, sc *statement.Context, st *sql.Get) (*result.Result, error) {
	parallel := "10"
	var re *regexp.Regexp
	for _, o := range st.Options {
		switch o.Name {
		case "PARALLEL":
			parallel = valueText(o.Value)
		case "PATTERN":
			var err error
			if re, err = patternOf(o.Value.Text); err != nil {
				return nil, err
			}
		default:
			return nil, sqlerr.Compilation(1420, "22023", "invalid property '%s' for 'GET'", o.Name)
		}
	}
	n, err := readPut([]sql.Option{{Name: "PARALLEL", Value: sql.Value{Number: parallel}}})
	if err != nil {
		return nil, err
	}
	at, err := s.where(ctx, sc, st.Stage, "GET")
	if err != nil {
		return nil, err
	}
	root, all, err := s.entries(ctx, at, re, true)
	if err != nil {
		return nil, err
	}
	if root != nil {
		root.Close()
	}
	names, urls := make([]string, len(all)), make([]string, len(all))
	expires := s.now().Add(lifetime)
	for i, e := range all {
		names[i] = at.head + "/" + e.path
		urls[i] = s.url(sc.BaseURL, ticket{expires: expires, dir: at.dir, path: e.path})
	}
	return &result.Result{Type: result.TypeGet, Transfer: map[string]any{
		"command":                       "DOWNLOAD",
		"src_locations":                 names,
		"presignedUrls":                 urls,
		"localLocation":                 strings.TrimPrefix(st.Local.Value, "file://"),
		"encryptionMaterial":            []any{},
		"parallel":                      n.parallel,
		"threshold":                     209715200,
		"overwrite":                     false,
		"autoCompress":                  true,
		"sourceCompression":             "auto_detect",
		"clientShowEncryptionParameter": true,
		"stageInfo":                     s.info(at.head+"/", "", nil),
	}}, nil
}

// listRows answers LIST: every file whose path begins with the stage path's.
func (s *Stages) listRows(ctx context.Context, sc *statement.Context, st *sql.List) ([][]any, error) {
	re, err := patternOf(st.Pattern)
	if err != nil {
		return nil, err
	}
	at, err := s.where(ctx, sc, st.Stage, "LIST")
	if err != nil {
		return nil, err
	}
	files, err := s.files(ctx, at, re, false)
	if err != nil {
		return nil, err
	}
	rows := make([][]any, len(files))
	for i, f := range files {
		rows[i] = []any{f.Name, f.Size, f.MD5, f.Modified.UTC().Format(http.TimeFormat)}
	}
	return rows, nil
}

func (s *Stages) removeRows(ctx context.Context, sc *statement.Context, st *sql.List) ([][]any, error) {
	re, err := patternOf(st.Pattern)
	if err != nil {
		return nil, err
	}
	at, err := s.where(ctx, sc, st.Stage, "REMOVE")
	if err != nil {
		return nil, err
	}
	names, err := s.remove(ctx, at, re)
	rows := make([][]any, len(names))
	for i, n := range names {
		rows[i] = []any{n, "removed"}
	}
	return rows, err
}

func (s *Stages) remove(ctx context.Context, at spot, re *regexp.Regexp) ([]string, error) {
	root, all, err := s.entries(ctx, at, re, false)
	if err != nil || root == nil {
		return nil, err
	}
	defer root.Close()
	var names []string
	for _, e := range all {
		if err := ctx.Err(); err != nil {
			return names, err
		}
		if err := removeFile(root, e.path); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			return names, err
		}
		names = append(names, at.prefix+e.path)
	}
	return names, nil
}

// copyFiles answers COPY FILES from stage to stage. Existing files are replaced.
func (s *Stages) copyFiles(ctx context.Context, sc *statement.Context, st *sql.CopyFiles, describe bool) (*result.Result, error) {
	if st.Query != nil {
		return nil, sqlerr.Unsupported("COPY FILES FROM (SELECT …)")
	}
	detailed := true
	var re *regexp.Regexp
	var only map[string]bool
	for _, o := range st.Options {
		switch o.Name {
		case "PATTERN":
			var err error
			if re, err = patternOf(o.Value.Text); err != nil {
				return nil, err
			}
		case "FILES":
			only = map[string]bool{}
			for _, v := range o.Value.List {
				only[strings.TrimPrefix(valueText(v), "/")] = true
			}
		case "DETAILED_OUTPUT":
			var ok bool
			if detailed, ok = truth(valueText(o.Value)); !ok {
				return nil, sqlerr.Invalid("invalid value '%s' for parameter 'DETAILED_OUTPUT'", valueText(o.Value))
			}
		default:
			return nil, sqlerr.Compilation(1420, "22023", "invalid property '%s' for 'COPY FILES'", o.Name)
		}
	}
	r := &result.Result{Columns: copyColumns, Type: result.TypeCopy}
	if !detailed {
		r.Columns = countColumns
	}
	from, err := s.where(ctx, sc, st.From, "COPY FILES")
	if err != nil {
		return nil, err
	}
	to, err := s.where(ctx, sc, st.To, "COPY FILES")
	if err != nil || describe {
		return r, err
	}
	root, all, err := s.entries(ctx, from, re, true)
	if err != nil {
		return nil, err
	}
	count := int64(0)
	if root != nil {
		defer root.Close()
		for _, e := range all {
			rel := relative(from.path, e.path)
			if only != nil && !only[rel] {
				continue
			}
			name := join(to.path, rel)
			if from.dir == to.dir && name == e.path {
				continue
			}
			if err := s.copyOne(ctx, root, e.path, to.dir, name); err != nil {
				if errors.Is(err, fs.ErrNotExist) && !s.isGone(to.dir) {
					continue // gone since it was listed
				}
				return nil, err
			}
			count++
			if detailed {
				r.Rows = append(r.Rows, []any{name})
			}
		}
	}
	if !detailed {
		r.Rows = [][]any{{count}}
	}
	return r, nil
}

// relative is a file's name under the path that a statement gave: behind the directory, or the last name of a single file's path.
func relative(from, file string) string {
	if from == file {
		return file[strings.LastIndexByte(file, '/')+1:]
	}
	if d := strings.TrimSuffix(from, "/") + "/"; d != "/" && strings.HasPrefix(file, d) {
		return file[len(d):]
	}
	return file[strings.LastIndexByte(from, '/')+1:]
}

func (s *Stages) copyOne(ctx context.Context, from *os.Root, path, dir, name string) error {
	f, info, err := openFile(from, path)
	if err != nil {
		return err
	}
	defer f.Close()
	u, err := s.create(dir, name)
	if err != nil {
		return err
	}
	defer u.Abort()
	// Between files the kernel copies, or shares the blocks.
	if _, err := u.f.ReadFrom(f); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if sum, ok := keptDigest(f, info); ok {
		u.md5 = sum
	}
	return u.Commit(true)
}
