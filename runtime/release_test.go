package runtime

import (
	"strings"
	"testing"

	"firn/sqlerr"
)

func TestResolve(t *testing.T) {
	m := New(Config{Dir: t.TempDir()})
	// Which Pythons this machine has does not matter here: every one is a program that is there.
	for _, minor := range minors {
		m.found = append(m.found, Interpreter{Version: minor + ".1", Minor: minor, Path: "/bin/sh", Prefix: "/usr"})
	}
	table := []struct{ request, want string }{
		{"", "3 3.11"},
		{"latest", "3 3.11"},
		{"stable", "2.10 3.11"},
		{`{"pythonVersion": "3.12"}`, "3 3.12"},
		{`{"pythonVersion": "3.12", "runtimeEnvironment": "2.3"}`, "2.3 3.12"},
		{`{"pythonVersion": "3.12", "runtimeEnvironment": "2.3-py310"}`, "2.3 3.10"},
		{`{"pythonVersion": "3.12", "runtimeEnvironment": null}`, "3 3.12"},
		{`{"pythonVersion": "3.11.7"}`, "3 3.11"},
		{`{}`, "3 3.11"},
		{"2.3", "2.3 3.11"},
		{"2.10.1-py313", "2.10 3.13"},
		{"1.7.1", "1.7 3.11"},
		{"2.5.0-py311", "2.5 3.11"},
		{"3.0", "3 3.11"},
		{"/snowflake/images/snowflake_images/st_plat/runtime/x86/runtime_image/snowbooks:1.8.0", "1.8 3.11"},
		{"/snowflake/images/snowflake_images/container_runtime/cpu_x86_64:2.7.2", "2.7 3.11"},
		{Image{"2.10", "3.12"}.String(), "2.10 3.12"},
	}
	for _, c := range table {
		image, err := m.Resolve(t.Context(), c.request)
		if got := image.Release + " " + image.Minor; err != nil || got != c.want {
			t.Errorf("%s: %s, %v; want %s", c.request, got, err, c.want)
			continue
		}
		text := image.String()
		if back, err := ParseImage(text); err != nil || back != image || !strings.Contains(text, ":") {
			t.Errorf("%s: %v, %v", text, back, err)
		}
	}
	refused := []struct{ request, says string }{
		{"4.2", "2.10"},
		{"2.11", "latest, stable, 3, 2.10"},
		{"2", "2.10"},
		{"2.3-py39", "3.10, 3.11, 3.12, 3.13"},
		{"@test", "'@test' is not a valid runtime image"},
		{"/db/schema/repo/image:tag", "/db/schema/repo/image:tag"},
		{"/snowflake/images/snowflake_images/st_plat/runtime/x86/generic_gpu/runtime_image/snowbooks:2.3", "GPU"},
		{"/a/runtime_image/snowbooks", "not a valid runtime image"},
		{"/a/runtime_image/snowbooks:2.3@sha256:00", "not a valid runtime image"},
		{"cre@mine", "cre@mine"},
		{"{not json", "not valid JSON"},
		{`{"pythonVersion": 3}`, "not valid JSON"},
		{`{"pythonVersion": "3.x"}`, "3.x"},
		{`{"pythonVersion": "3.9"}`, "3.9"},
		{"'; DROP", "not available"},
	}
	for _, c := range refused {
		_, err := m.Resolve(t.Context(), c.request)
		if _, ok := sqlerr.As(err); !ok || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want one that says %s", c.request, err, c.says)
		}
	}
	if _, err := ParseImage(repository + ":2.3"); err == nil {
		t.Error("an image without a Python")
	}
}

func TestResolveMissingPython(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("PYENV_ROOT", t.TempDir())
	m := New(Config{Dir: t.TempDir()})
	if _, err := m.Resolve(t.Context(), "2.3-py313"); err == nil || !strings.Contains(err.Error(), "Python 3.13 is not on this server") {
		t.Error(err)
	}
}
