package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"firn/sqlerr"
	"firn/store"
)

// Tokens are what a client gets at login and renewal.
type Tokens struct {
	Session, Master                 string
	SessionValidity, MasterValidity time.Duration
	ID                              int64
}

func newToken() (string, [32]byte) {
	var b [32]byte
	rand.Read(b[:]) // never fails
	t := base64.RawURLEncoding.EncodeToString(b[:])
	return t, hash(t)
}

func hash(t string) [32]byte { return sha256.Sum256([]byte(t)) }

// errExpired is what makes a client renew and send again; errMaster makes it log in again.
func errExpired() error {
	return sqlerr.New(390112, "08001", "Session token has expired. Renew it with the master token.")
}

func errMaster() error {
	return sqlerr.New(390114, "08001", "Authentication token has expired. The user must authenticate again.")
}

func errGone() error {
	return sqlerr.New(390111, "08001", "Session no longer exists. New login required to access the service.")
}

// Authenticate finds the session of a session token. Errors: 390112 expired, 390114 the session ended, 390111 unknown.
func (s *Sessions) Authenticate(ctx context.Context, text string) (*Session, error) {
	t, err := s.token(ctx, text)
	if err != nil {
		return nil, err
	}
	now := s.Clock()
	if now.UnixMilli() >= t.session.until.Load() {
		return nil, errMaster()
	}
	if t.master || !now.Before(t.expires) {
		return nil, errExpired()
	}
	return t.session, s.touch(ctx, t.session, now)
}

// Renew gives a new session token for a master token. The master token stays the same, so that a client whose answer was lost may
// ask again; the session's end moves on.
func (s *Sessions) Renew(ctx context.Context, master string) (Tokens, error) {
	t, err := s.token(ctx, master)
	if err != nil {
		return Tokens{}, err
	}
	now := s.Clock()
	if !t.master {
		return Tokens{}, errGone()
	}
	if now.UnixMilli() >= t.session.until.Load() {
		return Tokens{}, errMaster()
	}
	text, h := newToken()
	until, expires := now.Add(s.MasterValidity), now.Add(s.TokenValidity)
	// A token is remembered for a while after it expired: it is answered "renew", not "unknown".
	dead := now.Add(-s.MasterValidity)
	err = s.Store.RenewSession(ctx, t.session.id, until, dead, &store.SessionToken{Hash: h, Session: t.session.id, Expires: expires})
	if errors.Is(err, store.ErrNotFound) {
		return Tokens{}, errGone()
	}
	if err != nil {
		return Tokens{}, err
	}
	t.session.until.Store(until.UnixMilli())
	s.remember(h, token{session: t.session, expires: expires})
	return Tokens{Session: text, Master: master, SessionValidity: s.TokenValidity, MasterValidity: s.MasterValidity, ID: t.session.id}, nil
}

// Heartbeat keeps a session alive; either token will do.
func (s *Sessions) Heartbeat(ctx context.Context, text string) error {
	t, err := s.token(ctx, text)
	if err != nil {
		return err
	}
	now := s.Clock()
	if now.UnixMilli() >= t.session.until.Load() {
		return errMaster()
	}
	if !t.master && !now.Before(t.expires) {
		return errExpired()
	}
	return s.touch(ctx, t.session, now)
}

// touch moves a session's end. It writes only once a quarter of the time is used up, so it costs nothing.
func (s *Sessions) touch(ctx context.Context, n *Session, now time.Time) error {
	until := now.Add(s.MasterValidity)
	old := n.until.Load()
	if until.UnixMilli()-old < s.MasterValidity.Milliseconds()/4 || !n.until.CompareAndSwap(old, until.UnixMilli()) {
		return nil
	}
	err := s.Store.RenewSession(ctx, n.id, until, until, nil)
	if errors.Is(err, store.ErrNotFound) {
		return errGone()
	}
	return err
}

// token finds what a token stands for: in memory, or, after a restart, in the store.
func (s *Sessions) token(ctx context.Context, text string) (token, error) {
	text = strings.TrimSpace(text)
	if text == "" || text == "None" {
		return token{}, sqlerr.New(390101, "08001", "Authorization header not found in the request data.")
	}
	h := hash(text)
	if t, ok := s.tokens.Load(h); ok {
		return t.(token), nil
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	if t, ok := s.tokens.Load(h); ok {
		return t.(token), nil
	}
	row, t, err := s.Store.SessionByToken(ctx, h)
	if errors.Is(err, store.ErrNotFound) {
		return token{}, errGone()
	}
	if err != nil {
		return token{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.byID[row.ID]
	if n == nil {
		if n, err = load(row); err != nil {
			return token{}, err
		}
		s.byID[row.ID] = n
	}
	tok := token{session: n, master: t.Master, expires: t.Expires}
	s.remember(h, tok)
	return tok, nil
}

// remember keeps a token in memory. Of old ones only those stay that a client may still hold: the newest few.
func (s *Sessions) remember(h [32]byte, t token) {
	n := t.session
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hashes = append(n.hashes, h)
	if len(n.hashes) > 8 {
		s.tokens.Delete(n.hashes[0]) // the store still knows it
		n.hashes = append(n.hashes[:0], n.hashes[1:]...)
	}
	s.tokens.Store(h, t)
}

// Logout ends a session: what runs in it is cancelled, rooms give up what they kept for it. A session that is gone is no error.
func (s *Sessions) Logout(ctx context.Context, text string) error {
	t, err := s.token(ctx, text)
	if err != nil {
		if sqlerr.Is(err, 390111) {
			return nil
		}
		return err
	}
	return s.end(ctx, t.session.id)
}

func (s *Sessions) end(ctx context.Context, id int64) error {
	if err := s.Store.DeleteSession(ctx, id); err != nil {
		return err
	}
	s.loading.Lock()
	s.mu.Lock()
	n := s.byID[id]
	delete(s.byID, id)
	s.mu.Unlock()
	s.loading.Unlock()
	if n != nil {
		n.mu.Lock()
		for _, h := range n.hashes {
			s.tokens.Delete(h)
		}
		n.mu.Unlock()
	}
	s.ledger.cancel(func(q *Query) bool { return q.SessionID == id })
	for _, r := range s.Rooms {
		if c, ok := r.(Closer); ok {
			c.CloseSession(id)
		}
	}
	return nil
}
