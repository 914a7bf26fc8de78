package wire

import (
	"io"
	"net/http"
	"strings"

	"firn/session"
	"firn/sqlerr"
	"firn/statement"
)

const maxLogin = 1 << 20 // bytes of a login's body

type loginBody struct {
	Data struct {
		App           string         `json:"CLIENT_APP_ID"`
		Version       string         `json:"CLIENT_APP_VERSION"`
		Account       string         `json:"ACCOUNT_NAME"`
		User          string         `json:"LOGIN_NAME"`
		Password      string         `json:"PASSWORD"`
		Authenticator string         `json:"AUTHENTICATOR"`
		Token         string         `json:"TOKEN"`
		Parameters    map[string]any `json:"SESSION_PARAMETERS"`
	} `json:"data"`
}

type sessionInfo struct {
	Database  *string `json:"databaseName"`
	Schema    *string `json:"schemaName"`
	Warehouse *string `json:"warehouseName"`
	Role      *string `json:"roleName"`
}

type loginReply struct {
	MasterToken         string              `json:"masterToken"`
	Token               string              `json:"token"`
	Validity            int64               `json:"validityInSeconds"`
	MasterValidity      int64               `json:"masterValidityInSeconds"`
	DisplayUserName     string              `json:"displayUserName"`
	ServerVersion       string              `json:"serverVersion"`
	FirstLogin          bool                `json:"firstLogin"`
	RemMeToken          *string             `json:"remMeToken"`
	RemMeValidity       int64               `json:"remMeValidityInSeconds"`
	HealthCheckInterval int64               `json:"healthCheckInterval"`
	NewClientForUpgrade *string             `json:"newClientForUpgrade"`
	SessionID           int64               `json:"sessionId"`
	Parameters          []session.Parameter `json:"parameters"`
	SessionInfo         sessionInfo         `json:"sessionInfo"`
	IDToken             *string             `json:"idToken"`
	IDTokenValidity     int64               `json:"idTokenValidityInSeconds"`
	ResponseData        *string             `json:"responseData"`
	MFAToken            *string             `json:"mfaToken"`
	MFATokenValidity    int64               `json:"mfaTokenValidityInSeconds"`
}

// login is POST /session/v1/login-request (client-protocol.md §1.2). The Authorization header means nothing here: Python sends Token="None".
func (s *server) login(w http.ResponseWriter, r *http.Request) {
	var b loginBody
	if err := decode(r, maxLogin, &b); err != nil {
		s.fail(w, "", err)
		return
	}
	d := b.Data
	q := r.URL.Query()
	n, tokens, who, err := s.Sessions.Login(r.Context(), session.LoginRequest{
		Login:    statement.Login{Account: d.Account, User: d.User, Password: d.Password, Authenticator: strings.ToUpper(d.Authenticator), Token: strings.TrimSpace(d.Token), Role: q.Get("roleName")},
		Database: q.Get("databaseName"), Schema: q.Get("schemaName"), Warehouse: q.Get("warehouse"),
		Parameters: d.Parameters,
		Client:     statement.Client{App: d.App, Version: d.Version},
	})
	if err != nil {
		s.fail(w, "", err)
		return
	}
	role, database, schema, warehouse := n.Names()
	name := who.DisplayName
	if name == "" {
		name = who.User
	}
	ok(w, loginReply{
		MasterToken: tokens.Master, Token: tokens.Session,
		Validity: int64(tokens.SessionValidity.Seconds()), MasterValidity: int64(tokens.MasterValidity.Seconds()),
		DisplayUserName: name, ServerVersion: s.Sessions.Version, HealthCheckInterval: 45, SessionID: tokens.ID,
		Parameters:  s.Sessions.LoginParameters(n),
		SessionInfo: sessionInfo{orNull(database), orNull(schema), orNull(warehouse), orNull(role)},
	})
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// renew is POST /session/token-request, with the master token. Python takes the master token of the reply, whatever it is.
func (s *server) renew(w http.ResponseWriter, r *http.Request) {
	var b struct {
		RequestType string `json:"requestType"`
	}
	if err := decode(r, maxLogin, &b); err != nil {
		s.fail(w, "", err)
		return
	}
	switch b.RequestType {
	case "RENEW", "ISSUE", "CLONE", "":
	default:
		s.fail(w, "", sqlerr.Unsupported("token request %s", b.RequestType))
		return
	}
	t, err := s.Sessions.Renew(r.Context(), bearer(r))
	if err != nil {
		s.fail(w, "", err)
		return
	}
	ok(w, map[string]any{
		"sessionToken": t.Session, "validityInSecondsST": int64(t.SessionValidity.Seconds()),
		"masterToken": t.Master, "validityInSecondsMT": int64(t.MasterValidity.Seconds()), "masterValidityInSeconds": int64(t.MasterValidity.Seconds()),
		"sessionId": t.ID,
	})
}

// heartbeat is POST /session/heartbeat: ML clients send it before nearly every call.
func (s *server) heartbeat(w http.ResponseWriter, r *http.Request) {
	if err := s.Sessions.Heartbeat(r.Context(), bearer(r)); err != nil {
		s.fail(w, "", err)
		return
	}
	ok(w, nil)
}

// logout is POST /session?delete=true.
func (s *server) logout(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("delete") == "true" {
		if err := s.Sessions.Logout(r.Context(), bearer(r)); err != nil {
			s.fail(w, "", err)
			return
		}
	}
	ok(w, nil)
}

// telemetry is read and forgotten; clients are told at login to send none.
func (s *server) telemetry(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, io.LimitReader(r.Body, 16<<20))
	ok(w, nil)
}
