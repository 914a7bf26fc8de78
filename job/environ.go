package job

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"firn/driver"
	"firn/pool"
	"firn/sql"
	"firn/store"
)

// rendezvousPort is MLRS_RDZV_PORT: free of Ray's own ports (12001–13000).
const rendezvousPort = 29400

// address is an instance's own on the job's network.
func address(i int) string {
	i += 2
	return fmt.Sprintf("10.244.%d.%d", i>>8&0xff, i&0xff)
}

// environ is the whole environment of an instance's payload: what a container of Snowflake's has (SnowflakeLoginOptions and
// the client's launcher read it), the user's own on top of what is only a default, and the server's on top of that.
func (r *Room) environ(j store.Job, s *Submission, e Environment, i, n int, limit pool.Resources) map[string]string {
	threads := strconv.FormatInt(max((limit.MilliCPU+999)/1000, 1), 10)
	env := map[string]string{
		"PATH":             filepath.Dir(e.Python) + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME":             "/tmp",
		"LANG":             "C.UTF-8",
		"PYTHONUNBUFFERED": "1",
		// Libraries would size their pools by the machine's CPUs, not by the container's share.
		"OMP_NUM_THREADS":      threads,
		"OPENBLAS_NUM_THREADS": threads,
		"MKL_NUM_THREADS":      threads,
		"NUMEXPR_MAX_THREADS":  threads,

		"IN_SPCS_ML_RUNTIME":                   "True",
		"SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true",
		"SNOWFLAKE_HOME":                       "/run/firn",
		"SNOWFLAKE_DEFAULT_CONNECTION_NAME":    "default",
		"SNOWFLAKE_WAREHOUSE":                  quoted(s.Warehouse),
	}
	if env["SNOWFLAKE_WAREHOUSE"] == "" {
		delete(env, "SNOWFLAKE_WAREHOUSE")
	}
	maps.Copy(env, s.specEnv(max(j.Min, 1)))
	maps.Copy(env, map[string]string{
		"SNOWFLAKE_HOST":         "127.0.0.1",
		"SNOWFLAKE_PORT":         strconv.Itoa(r.cfg.APIPort),
		"SNOWFLAKE_PROTOCOL":     "http",
		"SNOWFLAKE_ACCOUNT":      r.cfg.Account,
		"SNOWFLAKE_DATABASE":     quoted(j.Database),
		"SNOWFLAKE_SCHEMA":       quoted(j.Schema),
		"SNOWFLAKE_ROLE":         quoted(j.Owner),
		"SNOWFLAKE_TOKEN_FILE":   "/snowflake/session/token",
		"SNOWFLAKE_SERVICE_NAME": j.Name,
		"SNOWFLAKE_JOBS_COUNT":   strconv.Itoa(n),
		"SNOWFLAKE_JOB_INDEX":    strconv.Itoa(i),
	})
	if v := minor(s.ClientPython); v != "" {
		env["FIRN_CLIENT_PYTHON"] = v
	} else {
		delete(env, "FIRN_CLIENT_PYTHON")
	}
	if n > 1 || s.parallel() {
		ips := make([]string, n)
		for k := range ips {
			ips[k] = address(k)
		}
		if n == 1 { // alone it has no network but its own
			ips[0] = "127.0.0.1"
		}
		env["MLRS_HEAD_IP"], env["MLRS_NODE_IPS"], env["MLRS_RDZV_PORT"] = ips[0], strings.Join(ips, ","), strconv.Itoa(rendezvousPort)
	}
	return env
}

func quoted(name string) string {
	if name == "" {
		return ""
	}
	return sql.QuoteIdent(name)
}

// files makes the folder that an instance sees at /run/firn: its token and a connections.toml for connector.connect() and
// Session.builder.getOrCreate() without arguments. On disk they are the server's user's, which inside is the payload's.
func (r *Room) files(ctx context.Context, l *live) (string, error) {
	dir := filepath.Join(r.dir(l.id), "files")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("the job's files: %w", err)
	}
	if err := r.token(ctx, l); err != nil {
		return "", err
	}
	j := l.record()
	var b strings.Builder
	b.WriteString("[default]\n")
	put := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s = %s\n", key, tomlString(value))
		}
	}
	put("account", r.cfg.Account)
	put("host", "127.0.0.1")
	fmt.Fprintf(&b, "port = %d\n", r.cfg.APIPort)
	put("protocol", "http")
	put("authenticator", "oauth")
	token := "/snowflake/session/token"
	if r.cfg.HostPaths {
		token = filepath.Join(dir, "token")
	}
	put("token_file_path", token)
	put("database", quoted(j.Database))
	put("schema", quoted(j.Schema))
	put("warehouse", quoted(l.sub.Warehouse))
	return dir, replace(filepath.Join(dir, "connections.toml"), []byte(b.String()))
}

func tomlString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// token puts a fresh token into the job's folder. Clients send the file's bytes as they are, so there is no newline.
func (r *Room) token(ctx context.Context, l *live) error {
	j := l.record()
	t, err := r.cfg.Tokens.IssueToken(ctx, j.User, j.Owner, strconv.FormatInt(j.ID, 10), r.cfg.TokenTTL)
	if err != nil {
		return fmt.Errorf("the job's token: %w", err)
	}
	return replace(filepath.Join(r.dir(l.id), "files", "token"), []byte(t))
}

// replace writes a file by rename, so that a reader sees the old one or the new one.
func replace(path string, data []byte) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// renewal renews the job's token when half its time is over, and sooner again where that failed. The function that it gives ends it.
func (r *Room) renewal(l *live) (end func()) {
	over := make(chan struct{})
	var arm func(d time.Duration)
	arm = func(d time.Duration) {
		stop := r.clock.AfterFunc(d, func() {
			r.spawn(func() {
				if isClosed(over) {
					return
				}
				err := r.token(r.ctx, l)
				switch {
				case isClosed(over) || r.ctx.Err() != nil:
				case err != nil:
					r.log.Error("job: renew token", "job", l.id, "error", err)
					arm(r.cfg.TokenTTL / 16)
				default:
					arm(r.cfg.TokenTTL / 2)
				}
			})
		})
		l.mu.Lock()
		l.renew = stop
		l.mu.Unlock()
	}
	arm(r.cfg.TokenTTL / 2)
	return func() {
		close(over)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.renew()
	}
}

// warm makes sure that there is a warm parent for the job and gives its key, "" if it has to start cold. Parents are never shared across
// permissions: the role together with what it may reach.
func (r *Room) warm(ctx context.Context, j store.Job, s *Submission, e Environment) string {
	if r.cfg.WarmParents < 0 || e.Key == "" {
		return ""
	}
	eais := slices.Clone(s.Integrations)
	slices.Sort(eais)
	key := e.Key + "-" + digest(j.Owner + "\x00" + strings.Join(eais, "\x00") + "\x00" + r.cfg.Launcher)[:16]
	r.mu.Lock()
	r.uses++
	r.parents[key] = r.uses
	oldest := ""
	if len(r.parents) > r.cfg.WarmParents {
		for k, at := range r.parents {
			if k != key && (oldest == "" || at < r.parents[oldest]) {
				oldest = k
			}
		}
		delete(r.parents, oldest)
	}
	r.mu.Unlock()
	if oldest != "" {
		if err := r.cfg.Driver.Cool(ctx, oldest); err != nil {
			r.log.Warn("job: cool", "parent", oldest, "error", err)
		}
	}
	err := r.cfg.Driver.Warm(ctx, driver.Parent{Key: key, Python: e.Python, Script: filepath.Join(r.cfg.Launcher, "warm.py"),
		Trees: append(slices.Clone(e.Trees), r.cfg.Launcher), Preload: e.Preload, Env: map[string]string{
			"PATH": filepath.Dir(e.Python) + ":/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", "SNOWFLAKE_HOME": "/run/firn", "SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true"}})
	if err != nil && !errors.Is(err, context.Canceled) {
		r.log.Warn("job: warm", "parent", key, "error", err)
		return ""
	}
	return key
}

// Prewarm starts the warm parent of the default runtime for a role, so that its first job finds one.
func (r *Room) Prewarm(ctx context.Context, role string) error {
	image, err := r.cfg.Runtimes.Resolve("")
	if err != nil {
		return err
	}
	env, err := r.cfg.Runtimes.Ensure(ctx, image, func(string) {})
	if err != nil {
		return err
	}
	r.warm(ctx, store.Job{Owner: role}, &Submission{}, env)
	return nil
}
