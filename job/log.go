package job

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"firn/driver"
)

// line is one line of a log.
type line struct {
	at     time.Time
	stream byte // 'o' or 'e'
	text   string
}

// The server's own lines about a job lie in its folder, in the form of the driver's; readers put them first.
const serverLog = "server.log"

// say adds a line of the server's to the job's log.
func (r *Room) say(job int64, text string) { r.sayLines(job, "firn: "+text) }

func (r *Room) sayLines(job int64, text string) {
	if err := os.MkdirAll(r.dir(job), 0o700); err != nil {
		r.log.Error("job: log", "job", job, "error", err)
		return
	}
	f, err := os.OpenFile(filepath.Join(r.dir(job), serverLog), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		r.log.Error("job: log", "job", job, "error", err)
		return
	}
	defer f.Close()
	var b bytes.Buffer
	for t := range strings.Lines(strings.TrimSpace(text)) {
		fmt.Fprintf(&b, "%d e %s\n", r.clock.Now().UnixNano(), strings.TrimRight(t, "\r\n"))
	}
	if _, err := f.Write(b.Bytes()); err != nil {
		r.log.Error("job: log", "job", job, "error", err)
	}
}

// mostLog is the most of a log that one statement answers: what a VARCHAR holds. What is older is left out.
const mostLog = 16 << 20

// lines reads an instance's log: the last n lines, or all if n < 0, of those from since to until (zero: no bound).
func (r *Room) lines(ctx context.Context, job int64, index, n int, since, until time.Time) ([]line, error) {
	t := &tail{n: n, since: since, until: until}
	var out []line
	rest := n
	d, err := r.cfg.Driver.Log(ctx, instanceID(job, index), false)
	switch {
	case errors.Is(err, driver.ErrUnknown):
	case err != nil:
		return nil, err
	default:
		err = t.read(d)
		err = errors.Join(err, d.Close())
		if err != nil {
			return nil, err
		}
		out = t.lines()
		rest = n - len(out)
	}
	if index > 0 || n >= 0 && rest <= 0 || t.size >= mostLog {
		return out, nil
	}
	f, err := os.Open(filepath.Join(r.dir(job), serverLog))
	if errors.Is(err, os.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	first := &tail{n: rest, since: since, until: until}
	if err := first.read(f); err != nil {
		return nil, err
	}
	return slices.Concat(first.lines(), out), nil
}

// tail keeps the last lines of what it reads.
type tail struct {
	n            int // < 0: all
	since, until time.Time
	kept         []line
	head         int // of kept: what is before it was let go
	size         int
}

// read takes a whole log. One that can be sought is read from its end if only some lines are wanted.
func (t *tail) read(in io.Reader) error {
	if t.n == 0 {
		return nil
	}
	if s, ok := in.(io.ReadSeeker); ok && t.n > 0 && t.until.IsZero() {
		if err := seekLines(s, t.n); err != nil {
			return err
		}
	}
	b := bufio.NewReaderSize(in, 64<<10)
	for {
		text, err := b.ReadString('\n')
		if text != "" && strings.HasSuffix(text, "\n") {
			t.add(text[:len(text)-1])
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (t *tail) add(text string) {
	at, rest, ok := strings.Cut(text, " ")
	nanos, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil || len(rest) < 2 {
		return
	}
	l := line{time.Unix(0, nanos).UTC(), rest[0], rest[2:]}
	if !t.since.IsZero() && l.at.Before(t.since) || !t.until.IsZero() && l.at.After(t.until) {
		return
	}
	t.size += len(l.text) + 1
	for n := len(t.kept) - t.head; n > 0 && (n == t.n || t.size > mostLog); n-- {
		t.size -= len(t.kept[t.head].text) + 1
		t.kept[t.head] = line{}
		t.head++
	}
	if t.head > 1024 && t.head > len(t.kept)/2 {
		t.kept = append(t.kept[:0], t.kept[t.head:]...)
		t.head = 0
	}
	t.kept = append(t.kept, l)
}

func (t *tail) lines() []line { return t.kept[t.head:] }

// seekLines puts s where its last n lines begin.
func seekLines(s io.ReadSeeker, n int) error {
	end, err := s.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	n++ // the newline before the first of them
	for end > 0 {
		k := min(int64(len(buf)), end)
		if _, err := s.Seek(end-k, io.SeekStart); err != nil {
			return err
		}
		b := buf[:k]
		if _, err := io.ReadFull(s, b); err != nil {
			return err
		}
		for i := len(b) - 1; i >= 0; i-- {
			if b[i] == '\n' {
				if n--; n == 0 {
					_, err := s.Seek(end-k+int64(i)+1, io.SeekStart)
					return err
				}
			}
		}
		end -= k
	}
	_, err = s.Seek(0, io.SeekStart)
	return err
}

// text joins lines as SYSTEM$GET_SERVICE_LOGS answers them.
func text(lines []line, stamps bool) string {
	var b strings.Builder
	for i, l := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		if stamps {
			b.WriteString(l.at.Format("2006-01-02T15:04:05.000000000Z "))
		}
		b.WriteString(l.text)
	}
	return b.String()
}

// lastLines are the last n lines of instance 0's log that say something, for a status message.
func (r *Room) lastLines(job int64, n int) string {
	ls, err := r.lines(context.WithoutCancel(r.ctx), job, 0, 4*n, time.Time{}, time.Time{})
	if err != nil {
		r.log.Error("job: log", "job", job, "error", err)
		return ""
	}
	ls = slices.DeleteFunc(ls, func(l line) bool { return strings.TrimSpace(l.text) == "" })
	if len(ls) > n {
		ls = ls[len(ls)-n:]
	}
	t := text(ls, false)
	const most = 2000
	if len(t) > most {
		t = "…" + strings.ToValidUTF8(t[len(t)-most:], "")
	}
	return strings.ToValidUTF8(t, "�")
}
