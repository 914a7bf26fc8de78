package stage

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// lifetime of a URL: as long as a bucket's presigned ones. An expired URL makes clients ask for another.
const lifetime = time.Hour

// Prefix is where the handler is mounted.
const Prefix = "/stage/"

// ticket is what a URL lets its holder do: write or read one path of one stage.
type ticket struct {
	up        bool
	overwrite bool
	final     bool // of uploads: the statement named the file that is to come
	expires   time.Time
	once      uint64 // of uploads that may be made once: the number of the ticket; 0 else
	dir, path string
}

// signedHeaders names the headers that an upload may send; connector 5.x wants to be told (client-protocol-newest.md §13).
var signedHeaders = "X-Goog-SignedHeaders=" + url.QueryEscape("host;x-goog-if-generation-match;x-goog-meta-sfc-digest;x-goog-meta-encryptiondata;x-goog-meta-matdesc")

var (
	errTampered = errors.New("the URL is not one that this server has signed")
	errExpired  = errors.New("the URL has expired")
)

var b64 = base64.RawURLEncoding

// url writes a signed URL. Everything is in one opaque path segment: names with blanks, quotes or percent signs are no trouble to
// clients that rewrite URLs.
func (s *Stages) url(base string, t ticket) string {
	kind, flags := "d", 0
	if t.up {
		kind = "u"
	}
	if t.overwrite {
		flags |= 1
	}
	if t.final {
		flags |= 2
	}
	once := ""
	if t.once != 0 {
		once = s.start + strconv.FormatUint(t.once, 10)
	}
	payload := strings.Join([]string{kind, strconv.Itoa(flags), strconv.FormatInt(t.expires.Unix(), 10), once, t.dir, t.path}, "\x00")
	mac := s.sign(payload)
	u := base + Prefix
	if t.up {
		u += "up/"
	} else {
		u += "down/"
	}
	u += b64.EncodeToString([]byte(payload)) + "." + b64.EncodeToString(mac)
	if t.up {
		u += "?" + signedHeaders
	}
	return u
}

func (s *Stages) sign(payload string) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(payload))
	return h.Sum(nil)
}

// ticketOf reads the last segment of a URL's path.
func (s *Stages) ticketOf(kind, segment string) (ticket, error) {
	p, m, ok := strings.Cut(segment, ".")
	payload, err1 := b64.DecodeString(p)
	mac, err2 := b64.DecodeString(m)
	if !ok || err1 != nil || err2 != nil || !hmac.Equal(mac, s.sign(string(payload))) {
		return ticket{}, errTampered
	}
	f := strings.Split(string(payload), "\x00")
	if len(f) != 6 || f[0] != kind[:1] {
		return ticket{}, errTampered
	}
	flags, err1 := strconv.Atoi(f[1])
	exp, err2 := strconv.ParseInt(f[2], 10, 64)
	if err1 != nil || err2 != nil {
		return ticket{}, errTampered
	}
	t := ticket{up: f[0] == "u", overwrite: flags&1 != 0, final: flags&2 != 0, expires: time.Unix(exp, 0), dir: f[4], path: f[5]}
	if f[3] != "" {
		n, ok := strings.CutPrefix(f[3], s.start)
		if !ok { // from before a restart: nobody knows whether it was used
			return t, errExpired
		}
		if t.once, err1 = strconv.ParseUint(n, 10, 64); err1 != nil {
			return ticket{}, errTampered
		}
	}
	if !s.now().Before(t.expires) {
		return t, errExpired
	}
	return t, nil
}

// ticketNumber numbers the uploads that may be made once.
func (s *Stages) ticketNumber() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tickets++
	return s.tickets
}

// use takes a ticket that may be used once; false: somebody has.
func (s *Stages) use(t ticket) bool {
	if t.once == 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, used := s.used[t.once]; used {
		return false
	}
	if len(s.used) >= s.tidyAt {
		now := s.now()
		for n, expires := range s.used {
			if expires.Before(now) {
				delete(s.used, n)
			}
		}
		s.tidyAt = max(1024, 2*len(s.used))
	}
	s.used[t.once] = t.expires
	return true
}
