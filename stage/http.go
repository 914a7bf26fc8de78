package stage

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// ServeHTTP carries out the URLs that PUT and GET gave out, under Prefix. Which status makes which client stop, ask for another
// URL or try again was tried: 400 = ask again (client-protocol-newest.md §13), 403 and 404 = give up, 5xx and 429 = try for ever.
// So a disk that is full is 403.
func (s *Stages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, segment, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, Prefix), "/")
	if kind != "up" && kind != "down" {
		http.Error(w, "no such path", http.StatusNotFound)
		return
	}
	t, err := s.ticketOf(kind, segment)
	switch {
	case errors.Is(err, errExpired):
		refuse(w, r, http.StatusBadRequest, err.Error())
	case err != nil:
		refuse(w, r, http.StatusForbidden, err.Error())
	case t.up:
		s.upload(w, r, t)
	default:
		s.download(w, r, t)
	}
}

// refuse answers after the body has been read: a client that is still sending would see a broken connection instead, and try again.
func refuse(w http.ResponseWriter, r *http.Request, code int, text string) {
	drain(r)
	if code == http.StatusForbidden && explain(w, code, text) {
		return
	}
	http.Error(w, text, code)
}

// explain answers with the text in the place of the status's name too: connectors show nothing else of a refusal to their users. It
// says whether that could be done; the connection ends with it.
func explain(w http.ResponseWriter, code int, text string) bool {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil { // HTTP/2, which has no such place
		return false
	}
	defer c.Close()
	fmt.Fprintf(c, "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s\n", code, text, len(text)+1, text)
	return true
}

func drain(r *http.Request) {
	if r.Body == nil || r.ContentLength == 0 {
		return
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for {
		if _, err := r.Body.Read(*buf); err != nil {
			return
		}
	}
}

func (s *Stages) download(w http.ResponseWriter, r *http.Request, t ticket) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		refuse(w, r, http.StatusMethodNotAllowed, "this URL is for GET and HEAD")
		return
	}
	root, err := s.openTree(t.dir)
	if err != nil {
		http.Error(w, "no such file", http.StatusNotFound)
		return
	}
	defer root.Close()
	f, info, err := openFile(root, t.path)
	if err != nil {
		http.Error(w, "no such file", http.StatusNotFound)
		return
	}
	defer f.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	// No Content-Encoding ever: requests would unpack the body.
	var modified time.Time
	if r.Header.Get("Range") != "" || r.Header.Get("If-Modified-Since") != "" {
		modified = info.ModTime()
	}
	http.ServeContent(w, r, "", modified, f)
}

func (s *Stages) upload(w http.ResponseWriter, r *http.Request, t ticket) {
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		// Node asks before it uploads and goes on only after a 404; 5.x takes a 404 as "new".
		http.Error(w, "nothing to read here", http.StatusNotFound)
		return
	case r.Method != http.MethodPut:
		refuse(w, r, http.StatusMethodNotAllowed, "this URL is for PUT")
		return
	case !t.final:
		refuse(w, r, http.StatusBadRequest, "this URL does not name the file: send the PUT statement again with the file's name")
		return
	case !s.use(t):
		refuse(w, r, http.StatusBadRequest, "this URL was used: send the PUT statement again with the file's name")
		return
	}
	onlyNew := r.Header.Get("x-goog-if-generation-match") == "0"
	keep := onlyNew || !t.overwrite
	if keep && s.exists(t.dir, t.path) {
		if onlyNew {
			refuse(w, r, http.StatusPreconditionFailed, "the file exists")
			return
		}
		drain(r) // OVERWRITE = FALSE: 4.x asks for no check, and reports what it sent as uploaded
		w.WriteHeader(http.StatusOK)
		return
	}
	err := s.write(r.Context(), t.dir, t.path, r.Body, r.ContentLength, keep)
	switch {
	case err == nil:
		w.WriteHeader(http.StatusOK)
	case errors.Is(err, fs.ErrExist) && onlyNew:
		http.Error(w, "the file exists", http.StatusPreconditionFailed)
	case errors.Is(err, fs.ErrExist):
		w.WriteHeader(http.StatusOK) // somebody else was first
	case full(err):
		s.log.Error("stage: disk full", "err", err)
		refuse(w, r, http.StatusForbidden, "no space left on the server's disk")
	case errors.Is(err, errBody):
		// The client went away or sent less than it said: nobody reads an answer.
		http.Error(w, "the body ended early", http.StatusBadRequest)
	case errors.Is(err, errInTheWay), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		refuse(w, r, http.StatusForbidden, "a file stands where the path has a directory, or a directory where the file should be")
	case errors.Is(err, syscall.ENAMETOOLONG):
		refuse(w, r, http.StatusForbidden, "the name is too long")
	case errors.Is(err, fs.ErrNotExist):
		refuse(w, r, http.StatusNotFound, "the stage is gone")
	default:
		s.log.Error("stage: upload", "err", err)
		refuse(w, r, http.StatusForbidden, "the server could not write the file")
	}
}

func (s *Stages) exists(dir, path string) bool {
	root, err := s.openTree(dir)
	if err != nil {
		return false
	}
	defer root.Close()
	if straight(root, path) != nil {
		return false
	}
	info, err := root.Lstat(path)
	return err == nil && info.Mode().IsRegular()
}

var errBody = errors.New("stage: reading the body")
