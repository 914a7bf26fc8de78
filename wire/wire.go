// Package wire speaks Snowflake's HTTP protocol: login and renewal, statements and their results, status and abort. It turns
// requests into session's calls and results into the replies that the official clients read. It knows no SQL.
package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"firn/session"
	"firn/sqlerr"
)

// Config is what the protocol needs.
type Config struct {
	Sessions *session.Sessions
	Uploads  http.Handler // files of stages, by signed URLs below UploadsPath; nil: there are none
	Log      *slog.Logger

	Hold    time.Duration // how long a request waits for its statement: 45 s, as clients give up after 60
	MaxBody int64         // bytes of one request, unpacked: 1 GiB
}

// UploadsPath is the beginning of the URLs that Uploads serves.
const UploadsPath = "/stage/"

type server struct {
	Config
}

// New makes the handler of everything that clients ask for.
func New(c Config) http.Handler {
	if c.Hold == 0 {
		c.Hold = 45 * time.Second
	}
	if c.MaxBody == 0 {
		c.MaxBody = 1 << 30
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &server{c}
	mux := http.NewServeMux()
	// No methods in the patterns: clients send 405 again and again without end.
	mux.HandleFunc("/session/v1/login-request", s.login)
	mux.HandleFunc("/session/token-request", s.renew)
	mux.HandleFunc("/session/heartbeat", s.heartbeat)
	mux.HandleFunc("/session", s.logout)
	mux.HandleFunc("/telemetry/send", s.telemetry)
	mux.HandleFunc("/queries/v1/query-request", s.query)
	mux.HandleFunc("/queries/v1/abort-request", s.abort)
	mux.HandleFunc("/queries/{id}/abort-request", s.abort)
	mux.HandleFunc("/queries/{id}/result", s.result)
	mux.HandleFunc("/monitoring/queries/{id}", s.monitor)
	mux.HandleFunc("/results/{secret}/{part}", s.chunk)
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	if c.Uploads != nil {
		mux.Handle(UploadsPath, c.Uploads)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		send(w, http.StatusNotFound, envelope{Code: text("404"), Message: text("There is nothing at " + r.URL.Path)})
	})
	return s.recovered(mux)
}

// recovered answers a panic as an error of the protocol: HTTP 500 would be sent again without end.
func (s *server) recovered(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler { // the value itself is the signal
				panic(p)
			}
			s.Log.Error("request failed", "path", r.URL.Path, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			s.fail(w, "", sqlerr.Internal(errors.New("panic")))
		}()
		h.ServeHTTP(w, r)
	})
}

// envelope is every reply's frame. Code is a string or null, never a number (Go's driver decodes it into a string).
type envelope struct {
	Data    any     `json:"data"`
	Code    *string `json:"code"`
	Message *string `json:"message"`
	Success bool    `json:"success"`
}

func text(s string) *string { return &s }

func send(w http.ResponseWriter, status int, e envelope) {
	b, err := json.Marshal(e)
	if err != nil {
		status, b = http.StatusOK, []byte(`{"data":null,"code":"000603","message":"The reply could not be written.","success":false}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(b)
}

func ok(w http.ResponseWriter, data any) { send(w, http.StatusOK, envelope{Data: data, Success: true}) }

// failure is data of an error reply (client-protocol.md §1.12).
type failure struct {
	InternalError bool    `json:"internalError"`
	ErrorCode     string  `json:"errorCode"`
	Age           int     `json:"age"`
	SQLState      string  `json:"sqlState"`
	QueryID       *string `json:"queryId"`
	Line          int     `json:"line"`
	Pos           int     `json:"pos"`
	Type          string  `json:"type"`
}

// fail answers an error, at HTTP 200 as all errors of the protocol. What is no Snowflake error is logged and hidden.
func (s *server) fail(w http.ResponseWriter, query string, err error) {
	e, known := sqlerr.As(err)
	if !known {
		e = sqlerr.Internal(err)
		s.Log.Error("request failed", "query", query, "err", err)
	}
	code := number(e.Code)
	f := failure{InternalError: e.Code == 603, ErrorCode: code, SQLState: e.State, Line: -1, Pos: -1, Type: "COMPILATION"}
	if query != "" {
		f.QueryID = &query
	}
	if e.Line > 0 {
		f.Line, f.Pos = e.Line, e.Pos
	}
	send(w, http.StatusOK, envelope{Data: f, Code: &code, Message: &e.Message})
}

// number is an error's number as the wire has it.
func number(n int) string { return fmt.Sprintf("%06d", n) }

// bearer is the token of a request's Authorization header: Snowflake Token="…".
func bearer(r *http.Request) string {
	h := r.Header.Get("Authorization")
	if _, t, ok := strings.Cut(h, `Token="`); ok {
		t, _, _ = strings.Cut(t, `"`)
		return t
	}
	if t, ok := strings.CutPrefix(h, "Bearer "); ok {
		return t
	}
	return ""
}

// who is the session of a request.
func (s *server) who(r *http.Request) (*session.Session, error) {
	return s.Sessions.Authenticate(r.Context(), bearer(r))
}

// requestID is the idempotency key; Python's login spells it another way.
func requestID(r *http.Request) string {
	q := r.URL.Query()
	if id := q.Get("requestId"); id != "" {
		return id
	}
	return q.Get("request_id")
}

// baseURL is how the client reaches the server: absolute URLs in replies are made with it.
func baseURL(r *http.Request) string {
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" { // whoever sets it gets the URLs itself
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
