package runtime

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// pipFor maps what an operator may have told pip to uv's variables: uv does not read pip's configuration, and the
// index of the server's environment stands for the public one. By variables, never arguments: a URL may hold a password.
var pipFor = []struct{ option, uv, join string }{
	{"index-url", "UV_DEFAULT_INDEX", ""},
	{"extra-index-url", "UV_INDEX", " "},
	{"find-links", "UV_FIND_LINKS", ","},
	{"trusted-host", "UV_INSECURE_HOST", " "},
	{"cert", "SSL_CERT_FILE", ""},
	{"timeout", "UV_HTTP_TIMEOUT", ""},
	{"default-timeout", "UV_HTTP_TIMEOUT", ""},
}

// uvEnvironment is environ with pip's settings translated where uv has none of its own.
func uvEnvironment(environ []string, read func(string) []byte) []string {
	env := map[string]string{}
	for _, e := range environ {
		if k, v, ok := strings.Cut(e, "="); ok {
			env[k] = v
		}
	}
	out := append([]string{}, environ...)
	if env["UV_INDEX_URL"] != "" || env["UV_DEFAULT_INDEX"] != "" {
		return out // uv has been told where to look; half of another configuration beside it would be neither
	}
	settings := pipSettings(env, read)
	for _, p := range pipFor {
		value := settings[p.option]
		if value == "" || env[p.uv] != "" {
			continue
		}
		fields := strings.Fields(value)
		if p.option == "find-links" { // pip passes over a folder that is not there, uv stops
			kept := fields[:0]
			for _, f := range fields {
				if _, err := os.Stat(f); err == nil || strings.Contains(f, "://") {
					kept = append(kept, f)
				}
			}
			fields = kept
		}
		if len(fields) == 0 {
			continue
		}
		if p.join == "" {
			fields = fields[len(fields)-1:]
		}
		out = append(out, p.uv+"="+strings.Join(fields, p.join))
		env[p.uv] = value
	}
	return out
}

// pipSettings are pip's options, from its files in the order in which pip reads them (a later one wins), then its variables.
func pipSettings(env map[string]string, read func(string) []byte) map[string]string {
	home := env["HOME"]
	config := env["XDG_CONFIG_HOME"]
	if config == "" {
		config = filepath.Join(home, ".config")
	}
	settings := map[string]string{}
	if env["PIP_CONFIG_FILE"] != os.DevNull {
		files := []string{"/etc/xdg/pip/pip.conf", "/etc/pip.conf"}
		if home != "" {
			files = append(files, filepath.Join(home, ".pip", "pip.conf"), filepath.Join(config, "pip", "pip.conf"))
		}
		if f := env["PIP_CONFIG_FILE"]; f != "" {
			files = append(files, f)
		}
		for _, f := range files {
			readPipConf(settings, string(read(f)))
		}
	}
	for _, p := range pipFor {
		if v := env["PIP_"+strings.ToUpper(strings.ReplaceAll(p.option, "-", "_"))]; v != "" {
			settings[p.option] = v
		}
	}
	return settings
}

// readPipConf reads the sections of an ini file that count for installing: [global], then [install].
func readPipConf(settings map[string]string, text string) {
	sections := map[string]map[string]string{"global": {}, "install": {}}
	var section, option string
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, ";"):
		case strings.HasPrefix(trimmed, "["):
			section, option = strings.Trim(trimmed, "[] "), ""
		case line[0] == ' ' || line[0] == '\t': // goes on from the line before
			if option != "" && sections[section] != nil {
				sections[section][option] += " " + trimmed
			}
		default:
			key, value, ok := strings.Cut(trimmed, "=")
			if !ok {
				key, value, ok = strings.Cut(trimmed, ":")
			}
			option = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(key)), "_", "-")
			if ok && sections[section] != nil {
				sections[section][option] = strings.TrimSpace(value)
			}
		}
	}
	for _, s := range []string{"global", "install"} {
		for k, v := range sections[s] {
			settings[k] = v
		}
	}
}

func readFile(path string) []byte {
	data, _ := os.ReadFile(path)
	return data
}

var credentials = regexp.MustCompile(`://[^/@\s]+@`)

// redact takes user names and passwords out of the URLs in a text.
func redact(text string) string { return credentials.ReplaceAllString(text, "://****@") }
