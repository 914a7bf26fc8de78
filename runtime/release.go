package runtime

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"firn/sqlerr"
)

// Image is a runtime that a job can ask for: a release of the container runtime and a Python.
type Image struct {
	Release string // "2.10", one of Releases
	Minor   string // "3.11"
}

// The repository that the client's own constants name for the CPU runtime (snowflake/ml/jobs/_utils/constants.py).
const repository = "/snowflake/images/snowflake_images/st_plat/runtime/x86/runtime_image/snowbooks"

// Release is one of the container runtime's releases, as Snowflake's release notes list them.
type Release struct {
	Name  string
	Phase string // "Latest", "Stable", "Archived"
	Lock  string // which lock of ours stands for it
}

// releases, newest first. All map to the one lock there is so far. The release notes name 2.3 to 3; of the 1.x ones, which
// are no longer listed and which old code pins, 1.8 is the last that the client knows.
var releases = []Release{
	{"3", "Latest", "base"},
	{"2.10", "Stable", "base"}, {"2.9", "Archived", "base"}, {"2.8", "Archived", "base"}, {"2.7", "Archived", "base"}, {"2.6", "Archived", "base"},
	{"2.5", "Archived", "base"}, {"2.4", "Archived", "base"}, {"2.3", "Archived", "base"}, {"2.2", "Archived", "base"}, {"2.1", "Archived", "base"}, {"2.0", "Archived", "base"},
	{"1.8", "Archived", "base"}, {"1.7", "Archived", "base"}, {"1.6", "Archived", "base"}, {"1.5", "Archived", "base"}, {"1.4", "Archived", "base"},
	{"1.3", "Archived", "base"}, {"1.2", "Archived", "base"}, {"1.1", "Archived", "base"}, {"1.0", "Archived", "base"},
}

// Releases lists what can be asked for, newest first.
func Releases() []Release { return slices.Clone(releases) }

// String is the image's text, as SYSTEM$GET_ML_JOB_RUNTIME answers it and the client sends it back: it must hold a colon.
func (i Image) String() string {
	return repository + ":" + i.Release + "-py" + strings.ReplaceAll(i.Minor, ".", "")
}

// ParseImage reads back what String wrote. An image of another repository, or without a Python, is refused by name; to
// take any text that a client may send as RUNTIME, use Resolve, which understands these too.
func ParseImage(text string) (Image, error) {
	image, err := parseImage(text)
	if err == nil && image.Minor == "" {
		err = sqlerr.Invalid("Runtime image '%s' does not name its Python.", text)
	}
	return image, err
}

// Resolve answers what a client asks for: nothing, JSON with pythonVersion and runtimeEnvironment (client-side
// runtime_env_utils.py), a release ("2.3", "2.3-py311", "1.7.1", "latest", "stable"), or an image's path. The Python is the one
// named, else the client's, else the default. What cannot be had is refused with what can.
func (m *Manager) Resolve(ctx context.Context, request string) (Image, error) {
	request = strings.TrimSpace(request)
	python, wanted := "", request
	if strings.HasPrefix(request, "{") {
		var asked struct {
			PythonVersion      *string `json:"pythonVersion"`
			RuntimeEnvironment *string `json:"runtimeEnvironment"`
		}
		if err := json.Unmarshal([]byte(request), &asked); err != nil {
			return Image{}, sqlerr.Invalid("Invalid runtime environment '%s': not valid JSON.", request)
		}
		wanted = ""
		if asked.PythonVersion != nil {
			python = minorOf(*asked.PythonVersion)
			if python == "" {
				return Image{}, sqlerr.Invalid("Invalid Python version '%s' in the runtime environment: expected one of %s.", *asked.PythonVersion, strings.Join(minors, ", "))
			}
		}
		if asked.RuntimeEnvironment != nil {
			wanted = strings.TrimSpace(*asked.RuntimeEnvironment)
		}
	}
	image, err := parseRequest(wanted)
	if err != nil {
		return Image{}, err
	}
	if image.Minor == "" {
		image.Minor = python
	}
	if image.Minor == "" {
		image.Minor = m.defaultMinor(ctx)
	}
	if _, err := m.interpreter(ctx, image.Minor); err != nil {
		return Image{}, err
	}
	return image, nil
}

func (m *Manager) defaultMinor(ctx context.Context) string {
	if m.cfg.DefaultMinor != "" {
		return m.cfg.DefaultMinor
	}
	found := m.Interpreters(ctx)
	for _, minor := range []string{"3.11", "3.12", "3.10", "3.13"} {
		if slices.ContainsFunc(found, func(i Interpreter) bool { return i.Minor == minor }) {
			return minor
		}
	}
	return "3.11"
}

func parseRequest(text string) (Image, error) {
	switch lower := strings.ToLower(text); {
	case text == "" || lower == "latest":
		return Image{Release: releases[0].Name}, nil
	case lower == "stable":
		return Image{Release: releases[slices.IndexFunc(releases, func(r Release) bool { return r.Phase == "Stable" })].Name}, nil
	case strings.HasPrefix(lower, "cre@"):
		return Image{}, sqlerr.Unsupported("custom runtime environment %s: it can be one of %s", text, offered())
	case strings.ContainsAny(text, "/:@"):
		return parseImage(text)
	default:
		return parseTag(text, text)
	}
}

// The repositories whose images ours stand for: the client's own, and the newer name of Snowflake's documents.
var repositories = []string{"/runtime_image/snowbooks", "/container_runtime/cpu_x86_64"}

func parseImage(text string) (Image, error) {
	path, tag, ok := strings.Cut(text, ":")
	if !ok || tag == "" || strings.Contains(text, "@") {
		return Image{}, sqlerr.Invalid("'%s' is not a valid runtime image: it can be one of %s.", text, offered())
	}
	if lower := strings.ToLower(path); strings.Contains(lower, "gpu") {
		return Image{}, sqlerr.Unsupported("GPU runtime image %s: it can be one of %s", text, offered())
	}
	if !slices.ContainsFunc(repositories, func(r string) bool { return strings.HasSuffix(path, r) }) {
		return Image{}, sqlerr.Unsupported("runtime image %s, which is not one of Snowflake's container runtimes: it can be one of %s", text, offered())
	}
	return parseTag(tag, text)
}

var tagForm = regexp.MustCompile(`^(\d+)(?:\.(\d+))?(?:\.\d+)?(?:-py(3)\.?(\d+))?$`)

// parseTag reads "2.3", "2.3.1", "2.3-py311". A patch release is its minor release.
func parseTag(tag, whole string) (Image, error) {
	m := tagForm.FindStringSubmatch(strings.ToLower(tag))
	if m == nil {
		return Image{}, sqlerr.Invalid("Runtime environment '%s' is not available: it can be one of %s.", whole, offered())
	}
	name := m[1]
	if m[2] != "" {
		name += "." + m[2]
	}
	if known(name) {
	} else if m[2] == "0" && known(m[1]) {
		name = m[1]
	} else {
		return Image{}, sqlerr.Invalid("Runtime environment '%s' is not available: it can be one of %s.", whole, offered())
	}
	image := Image{Release: name}
	if m[3] != "" {
		image.Minor = m[3] + "." + m[4]
		if !slices.Contains(minors, image.Minor) {
			return Image{}, sqlerr.Invalid("Runtime environment '%s' is not available: a release has one of Python %s.", whole, strings.Join(minors, ", "))
		}
	}
	return image, nil
}

func known(name string) bool {
	return slices.ContainsFunc(releases, func(r Release) bool { return r.Name == name })
}

// offered is what can be asked for, for error texts.
func offered() string {
	names := make([]string, len(releases))
	for i, r := range releases {
		names[i] = r.Name
	}
	return "latest, stable, " + strings.Join(names, ", ") + ", each also with a Python as in " + releases[0].Name + "-py311"
}

var versionForm = regexp.MustCompile(`^(3\.\d+)(\.\d+)?$`)

func minorOf(version string) string {
	m := versionForm.FindStringSubmatch(strings.TrimSpace(version))
	if m == nil {
		return ""
	}
	return m[1]
}
