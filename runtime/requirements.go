package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

// Unsatisfied says that a package which a job asks for is not in its environment. The text is pip's.
type Unsatisfied struct{ Requirement string }

func (e *Unsatisfied) Error() string {
	return fmt.Sprintf("ERROR: Could not find a version that satisfies the requirement %s (from versions: none)\nERROR: No matching distribution found for %s", e.Requirement, e.Requirement)
}

// Satisfied says whether the environment holds what a requirements file (its text) asks for: what a job without an external
// access integration can have. The error is *Unsatisfied for a package that is missing or of another version, and names the line
// for one that cannot be used. The same question is asked of uv once; it takes some 60 ms.
func (m *Manager) Satisfied(ctx context.Context, env Environment, text string) error {
	lines, err := requirementLines(text)
	if err != nil || len(lines) == 0 {
		return err
	}
	key := env.Key + "\x00" + strings.Join(lines, "\n")
	m.mu.Lock()
	answer, ok := m.satisfied[key]
	m.mu.Unlock()
	if ok {
		return answer
	}
	uv, err := m.UV(ctx, func(string) {})
	if err != nil {
		return err
	}
	answer = m.ask(ctx, uv, env, lines)
	if missing := (*Unsatisfied)(nil); answer != nil && !errors.As(answer, &missing) {
		return answer // it may be another tomorrow
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.satisfied) >= 1000 { // few servers see that many different files; then it is asked again
		clear(m.satisfied)
	}
	m.satisfied[key] = answer
	return answer
}

func (m *Manager) ask(ctx context.Context, uv string, env Environment, lines []string) error {
	whole := m.dryRun(ctx, uv, env, lines)
	if refused := (*exec.ExitError)(nil); !errors.As(whole, &refused) {
		return whole // nil, or uv could not be asked
	}
	for _, line := range lines { // which one? only a job that fails pays for this
		if strings.Contains(line, "://") {
			return &Unsatisfied{line}
		}
		if err := m.dryRun(ctx, uv, env, []string{line}); err != nil {
			if strings.Contains(err.Error(), "parse") {
				return fmt.Errorf("ERROR: Invalid requirement: '%s'", line)
			}
			return &Unsatisfied{line}
		}
	}
	return fmt.Errorf("ERROR: the requirements contradict each other: %w", whole)
}

// dryRun asks uv what it would install, with no index and no network at all.
func (m *Manager) dryRun(ctx context.Context, uv string, env Environment, lines []string) error {
	f, err := os.CreateTemp("", "firn-requirements-*.txt")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	for _, line := range lines {
		fmt.Fprintln(f, provided(line, env.Packages))
	}
	if err := f.Close(); err != nil {
		return err
	}
	var environ []string // not the server's: uv puts variables into requirements, and its settings name indexes
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "UV_CACHE_DIR", "XDG_CACHE_HOME"} {
		if v, ok := os.LookupEnv(name); ok {
			environ = append(environ, name+"="+v)
		}
	}
	return m.command(ctx, nil, environ, func(string) {}, uv, "pip", "install", "--no-config", "--dry-run", "--no-index", "--offline", "-p", env.Python, "-r", f.Name())
}

var named = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)`)

// standIns: distributions that hold the same library under another name. A requirement for the one is met by the other.
var standIns = map[string]string{"xgboost": "xgboost-cpu"}

func provided(line string, packages map[string]string) string {
	name := named.FindString(line)
	other := standIns[strings.ToLower(name)]
	if _, ok := packages[other]; !ok || other == "" {
		return line
	}
	return other + line[len(name):]
}

// Options of a requirements file that say where to look: without a way out there is nothing to look at.
var passedOver = map[string]bool{
	"-i": true, "--index-url": true, "--extra-index-url": true, "-f": true, "--find-links": true, "--no-index": true, "--trusted-host": true,
	"--pre": true, "--prefer-binary": true, "--no-binary": true, "--only-binary": true, "--require-hashes": true, "--use-feature": true,
}

var (
	comment = regexp.MustCompile(`(^|\s)#.*$`)
	hashes  = regexp.MustCompile(`\s+--hash[= ]\S+`)
)

// requirementLines are the requirements in a file's text, one each, without comments, hashes and options that do not matter here.
func requirementLines(text string) ([]string, error) {
	text = strings.ReplaceAll(strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n"), "\\\n", " ")
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(comment.ReplaceAllString(line, ""))
		line = strings.TrimSpace(hashes.ReplaceAllString(line, ""))
		if line == "" {
			continue
		}
		if strings.HasPrefix(line, "-") {
			option, _, _ := strings.Cut(strings.Fields(line)[0], "=")
			if !passedOver[option] {
				return nil, errors.New("ERROR: requirements.txt: " + option + " is not supported")
			}
			continue
		}
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "/") || strings.HasPrefix(line, "git+") || strings.Contains(line, "file:") {
			return nil, errors.New("ERROR: requirements.txt: a path or a repository is not supported: " + redact(line))
		}
		lines = append(lines, line)
	}
	return lines, nil
}
