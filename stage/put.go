package stage

import (
	"context"
	"path"
	"strconv"
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

// putOptions are PUT's options.
type putOptions struct {
	compress    bool
	compression string // auto_detect, none, gzip, …
	overwrite   bool
	parallel    int64
}

// compressions are SOURCE_COMPRESSION's values, in the reply's spelling.
var compressions = map[string]string{"AUTO_DETECT": "auto_detect", "AUTO": "auto_detect", "NONE": "none", "GZIP": "gzip", "BZ2": "bz2", "BROTLI": "brotli",
	"ZSTD": "zstd", "DEFLATE": "deflate", "RAW_DEFLATE": "raw_deflate"}

func readPut(options []sql.Option) (putOptions, error) {
	o := putOptions{compress: true, compression: "auto_detect", parallel: 4}
	for _, opt := range options {
		v := valueText(opt.Value)
		bad := sqlerr.Invalid("invalid value '%s' for parameter '%s'", v, opt.Name)
		switch opt.Name {
		case "AUTO_COMPRESS", "OVERWRITE":
			on, ok := truth(v)
			if !ok {
				return o, bad
			}
			if opt.Name == "OVERWRITE" {
				o.overwrite = on
			} else {
				o.compress = on
			}
		case "SOURCE_COMPRESSION":
			c, ok := compressions[strings.ToUpper(v)]
			if !ok {
				return o, bad
			}
			o.compression = c
		case "PARALLEL":
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil || n < 1 || n > 99 {
				return o, bad
			}
			o.parallel = n
		default:
			return o, sqlerr.Compilation(1420, "22023", "invalid property '%s' for 'PUT'", opt.Name)
		}
	}
	return o, nil
}

func valueText(v sql.Value) string {
	switch {
	case v.Text != nil:
		return v.Text.Value
	case v.Number != "":
		return v.Number
	case v.Raw != "":
		return v.Raw
	}
	return v.Word
}

func truth(s string) (value, ok bool) {
	switch strings.ToUpper(s) {
	case "TRUE":
		return true, true
	case "FALSE":
		return false, true
	}
	return false, false
}

// put answers PUT: where the client shall send the file (client-protocol.md §3.2). The client sends the statement again for each
// file, with the file's final name, and takes the URL of that answer; see target for who does what.
func (s *Stages) put(ctx context.Context, sc *statement.Context, st *sql.Put) (*result.Result, error) {
	o, err := readPut(st.Options)
	if err != nil {
		return nil, err
	}
	at, err := s.where(ctx, sc, st.Stage, "PUT")
	if err != nil {
		return nil, err
	}
	local := strings.TrimPrefix(st.Local.Value, "file://")
	if local == "" {
		return nil, sqlerr.Invalid("PUT names no local file")
	}
	name, final := s.target(sc, at, local, o)
	if !final && sc.Client.IsInternal && sendsAgain(sc.Client) {
		// It would send every file to this one answer's URL, without a word about which file it is.
		return nil, sqlerr.Unsupported("PUT of a pattern that the client does not send again for each file (write_pandas with bulk_upload_chunks)")
	}
	if final {
		if name, err = clean(name); err != nil {
			return nil, err
		}
	}
	t := ticket{up: true, overwrite: o.overwrite, final: final, expires: s.now().Add(lifetime), dir: at.dir, path: join(at.path, name)}
	if !sendsAgain(sc.Client) && !sc.Client.IsInternal {
		// Connector 5.x sends later files to the URL that it got for an earlier one. So a URL is good for one file, and files of a
		// wildcard come one by one: at the same time the next could be faster than the one that the URL is for (tried with 5.2.0).
		t.once = s.ticketNumber()
		if !final && strings.ContainsAny(name, wildcards) {
			o.parallel = 1
		}
	}
	dir := strings.TrimSuffix(at.path, "/")
	if dir != "" {
		dir += "/"
	}
	return &result.Result{Type: result.TypePut, Transfer: map[string]any{
		"command":                       "UPLOAD",
		"src_locations":                 []string{local},
		"sourceCompression":             o.compression,
		"autoCompress":                  o.compress,
		"overwrite":                     o.overwrite,
		"parallel":                      o.parallel,
		"threshold":                     209715200,
		"clientShowEncryptionParameter": true,
		"encryptionMaterial":            nil,
		"stageInfo":                     s.info(at.head+"/"+dir, dir, s.url(sc.BaseURL, t)),
	}}, nil
}

// info is the reply's stageInfo. Of all location types only GCS with presigned URLs works over plain http in every client
// (client-protocol.md §3.5). url nil: GET, which has a list of URLs instead.
func (s *Stages) info(location, dir string, url any) map[string]any {
	return map[string]any{
		"locationType": "GCS", "location": location, "path": dir, "region": "local", "storageAccount": nil, "isClientSideEncrypted": false,
		"creds": map[string]any{}, "presignedUrl": url, "endPoint": nil, "useRegionalUrl": false, "useVirtualUrl": false,
	}
}

// asking is a PUT whose URL was not final: the client will send it again for each of its files.
type asking struct {
	dir, path string
	pattern   string // the local name as given, maybe with wildcards
}

// mostAsking PUTs are remembered per session.
const mostAsking = 16

// wildcards are the characters that make a local path a pattern.
const wildcards = "*?["

// target says under which name a PUT's file goes and whether its URL may be used.
//
// Connectors before 5 (and Go, Node) ignore the URL of the first answer and always send the statement again, as PUT
// file://<final name> …, except for what they mark as internal. Connector 5.x uses the first URL for everything, wildcards and
// files that it has compressed included, unless that URL answers 400; then it sends the statement again too. So a URL is final
// only if the statement names the file as it will arrive (client-protocol-newest.md §13).
func (s *Stages) target(sc *statement.Context, at spot, local string, o putOptions) (name string, final bool) {
	name = base(local)
	bare := name == local
	wild := strings.ContainsAny(name, wildcards)
	switch {
	case sc.Client.IsInternal: // write_pandas, array binds, _upload_stream: never sent again
		return name, !wild
	case sc.Client.App == "Go": // leaves the pattern's head before the name it sends: /d/*a.txt.gz
		name = name[strings.LastIndexAny(name, "*?]")+1:]
		return name, name != ""
	case bare && sendsAgain(sc.Client):
		return name, true
	case wild, o.compress && o.compression == "none", o.compress && o.compression == "auto_detect" && !compressed(name):
		if bare && s.wasAsked(sc.Session, at, name) {
			return name, true
		}
		s.ask(sc.Session, asking{at.dir, at.path, name})
		return name, false
	}
	return name, true
}

// sendsAgain says whether the client sends every PUT again, before the first byte.
func sendsAgain(c statement.Client) bool {
	switch c.App {
	case "JavaScript", "Go":
		return true
	case "PythonConnector":
		major, _, _ := strings.Cut(c.Version, ".")
		n, err := strconv.Atoi(major)
		return err == nil && n < 5
	}
	return false
}

// compressed says whether a name is one that clients take for compressed already.
func compressed(name string) bool {
	switch path.Ext(name) {
	case ".gz", ".bz2", ".br", ".zst", ".deflate", ".raw_deflate":
		return true
	}
	return false
}

// base is the file name of a local path, of Windows too.
func base(local string) string {
	l := local
	if d := strings.TrimPrefix(local, "/"); len(d) > 2 && d[1] == ':' && (d[2] == '\\' || d[2] == '/') {
		l = strings.ReplaceAll(local, `\`, "/")
	}
	return l[strings.LastIndexByte(l, '/')+1:]
}

func (s *Stages) ask(session int64, a asking) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := append(s.asked[session], a)
	if len(list) > mostAsking {
		list = append(list[:0], list[1:]...)
	}
	s.asked[session] = list
}

// wasAsked says whether a PUT of a bare name is an earlier one sent again. One that named a single file is used up by it: the same
// text may come later as a statement of its own.
func (s *Stages) wasAsked(session int64, at spot, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.asked[session]
	for i := len(list) - 1; i >= 0; i-- {
		a := list[i]
		if a.dir != at.dir || a.path != at.path {
			continue
		}
		if a.pattern == name {
			s.asked[session] = append(list[:i:i], list[i+1:]...)
			return true
		}
		if ok, err := path.Match(a.pattern, name); err == nil && ok {
			return true
		}
	}
	return false
}

// CloseSession forgets what a session's PUTs waited for.
func (s *Stages) CloseSession(id int64) {
	s.mu.Lock()
	delete(s.asked, id)
	s.mu.Unlock()
}
