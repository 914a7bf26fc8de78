package job

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"firn/pool"
	"firn/sqlerr"
)

// serverEnv are the variables of a job's specification that are the server's: what a user sets under these names does not count.
func serverEnv(minInstances int) map[string]string {
	return map[string]string{
		"MLRS_RESULT_PATH":       resultFile,
		"MLRS_STAGE_RESULT_PATH": resultMount,
		"MLRS_STAGE_MOUNT_PATH":  stageMount,
		"MLRS_MIN_INSTANCES":     strconv.Itoa(minInstances),
	}
}

// specEnv is the env of the specification: the user's, and the server's on top.
func (s *Submission) specEnv(minInstances int) map[string]string {
	env := maps.Clone(s.Env)
	if env == nil {
		env = map[string]string{}
	}
	if env["MLRS_PAYLOAD_DIR"] == "" {
		env["MLRS_PAYLOAD_DIR"] = "app"
	}
	maps.Copy(env, serverEnv(minInstances))
	return env
}

// specification is the YAML text that DESCRIBE SERVICE shows and the client reads stage, result and min_instances from
// (snowflake/ml/jobs/job.py: _container_spec, _stage_path, _result_path).
func (s *Submission) specification(name string, minInstances int) string {
	env := s.specEnv(minInstances)
	es := make(yaml.MapSlice, 0, len(env))
	for _, k := range slices.Sorted(maps.Keys(env)) {
		es = append(es, yaml.MapItem{Key: k, Value: env[k]})
	}
	c := yaml.MapSlice{{Key: "name", Value: container}, {Key: "image", Value: s.Image}, {Key: "args", Value: s.Args}, {Key: "env", Value: es}}
	res := yaml.MapSlice{}
	for _, r := range []struct {
		key string
		r   pool.Resources
	}{{"requests", s.Requests}, {"limits", s.Limits}} {
		m := yaml.MapSlice{}
		if r.r.MilliCPU > 0 {
			m = append(m, yaml.MapItem{Key: "cpu", Value: fmt.Sprintf("%dm", r.r.MilliCPU)})
		}
		if r.r.Memory > 0 {
			m = append(m, yaml.MapItem{Key: "memory", Value: fmt.Sprintf("%dMi", r.r.Memory>>20)})
		}
		if len(m) > 0 {
			res = append(res, yaml.MapItem{Key: r.key, Value: m})
		}
	}
	if len(res) > 0 {
		c = append(c, yaml.MapItem{Key: "resources", Value: res})
	}
	mount := func(volume, path string) yaml.MapSlice {
		return yaml.MapSlice{{Key: "name", Value: volume}, {Key: "mountPath", Value: path}}
	}
	volume := func(name, path string) yaml.MapSlice {
		return yaml.MapSlice{{Key: "name", Value: name}, {Key: "source", Value: "stage"}, {Key: "stageConfig", Value: yaml.MapSlice{{Key: "name", Value: path}}}}
	}
	c = append(c, yaml.MapItem{Key: "volumeMounts", Value: []yaml.MapSlice{mount(stageVolume, stageMount), mount(resultVol, resultMount)}})
	spec := yaml.MapSlice{
		{Key: "containers", Value: []yaml.MapSlice{c}},
		{Key: "volumes", Value: []yaml.MapSlice{volume(stageVolume, s.stagePath()), volume(resultVol, s.stagePath(resultDir(name)))}},
	}
	if s.Metrics {
		spec = append(spec, yaml.MapItem{Key: "platformMonitor", Value: yaml.MapSlice{{Key: "metricConfig", Value: yaml.MapSlice{{Key: "groups", Value: []string{"system"}}}}}})
	}
	text, err := yaml.Marshal(yaml.MapSlice{{Key: "spec", Value: spec}})
	if err != nil { // nothing in it can fail to be written
		return ""
	}
	return string(text)
}

// resultDir is the folder of a job's results in its stage path: one a job, since all jobs of a definition share the path.
func resultDir(name string) string { return strings.ToLower(name) }

func digest(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:])
}

// override applies SPEC_OVERRIDES, a JSON merge patch in which lists of named objects merge by name. What it may change today is the
// container's env and resources; everything else is refused by its name.
func (s *Submission) override(patch json.RawMessage) error {
	patch = bytes.TrimSpace(patch)
	if len(patch) == 0 || bytes.Equal(patch, []byte("null")) {
		return nil
	}
	var p map[string]any
	if err := json.Unmarshal(patch, &p); err != nil {
		return sqlerr.Invalid("Invalid SPEC_OVERRIDES: it must be a JSON object (%v).", err)
	}
	env := map[string]any{}
	for k, v := range s.Env {
		env[k] = v
	}
	base := map[string]any{"spec": map[string]any{
		"containers": []any{map[string]any{"name": container, "env": env}},
		"volumes":    []any{map[string]any{"name": stageVolume}, map[string]any{"name": resultVol}},
	}}
	volumes := base["spec"].(map[string]any)["volumes"]
	merged := merge(base, p).(map[string]any)
	refuse := func(path string) error { return sqlerr.Unsupported("SPEC_OVERRIDES: %s", path) }
	for _, k := range slices.Sorted(maps.Keys(merged)) {
		if k != "spec" {
			return refuse(k)
		}
	}
	spec, ok := merged["spec"].(map[string]any)
	if !ok {
		return sqlerr.Invalid("Invalid SPEC_OVERRIDES: spec must be an object.")
	}
	for _, k := range slices.Sorted(maps.Keys(spec)) {
		switch k {
		case "containers":
		case "volumes":
			if reflect.DeepEqual(spec[k], volumes) {
				continue
			}
			if vs, ok := spec[k].([]any); ok {
				for _, v := range vs {
					if m, _ := v.(map[string]any); m != nil && m["name"] != stageVolume && m["name"] != resultVol {
						return refuse(fmt.Sprintf("spec.volumes[%v]", m["name"]))
					}
				}
			}
			return sqlerr.Invalid("Invalid SPEC_OVERRIDES: the volumes %s and %s may not be overridden.", stageVolume, resultVol)
		default:
			return refuse("spec." + k)
		}
	}
	cs, _ := spec["containers"].([]any)
	if len(cs) != 1 {
		for _, c := range cs {
			if m, _ := c.(map[string]any); m != nil && m["name"] != container {
				return refuse(fmt.Sprintf("spec.containers[%v]: a job has the one container %s", m["name"], container))
			}
		}
		return sqlerr.Invalid("Invalid SPEC_OVERRIDES: spec.containers must be a list with the container '%s'.", container)
	}
	c, _ := cs[0].(map[string]any)
	if c["name"] != container {
		return sqlerr.Invalid("Invalid SPEC_OVERRIDES: spec.containers must be a list with the container '%s'.", container)
	}
	for _, k := range slices.Sorted(maps.Keys(c)) {
		switch k {
		case "name":
		case "env":
			e, ok := c[k].(map[string]any)
			if !ok {
				return sqlerr.Invalid("Invalid SPEC_OVERRIDES: env of the container must be an object.")
			}
			s.Env = make(map[string]string, len(e))
			for n, v := range e {
				raw, err := json.Marshal(v)
				if err != nil || n == "" || strings.ContainsAny(n, "=\x00") || strings.ContainsRune(scalar(raw), 0) {
					return sqlerr.Invalid("Invalid SPEC_OVERRIDES: invalid environment variable '%s'.", n)
				}
				s.Env[n] = scalar(raw)
			}
		case "resources":
			if err := s.resources(c[k]); err != nil {
				return err
			}
		default:
			return refuse(fmt.Sprintf("spec.containers[%s].%s", container, k))
		}
	}
	return nil
}

// merge is RFC 7396 with lists of named objects merged by name.
func merge(base, patch any) any {
	switch p := patch.(type) {
	case map[string]any:
		b, _ := base.(map[string]any)
		out := maps.Clone(b)
		if out == nil {
			out = map[string]any{}
		}
		for k, v := range p {
			if v == nil {
				delete(out, k)
				continue
			}
			out[k] = merge(out[k], v)
		}
		return out
	case []any:
		b, ok := base.([]any)
		if !ok || !named(b) || !named(p) {
			return p
		}
		out := slices.Clone(b)
		for _, v := range p {
			name := v.(map[string]any)["name"]
			i := slices.IndexFunc(out, func(x any) bool { return x.(map[string]any)["name"] == name })
			if i < 0 {
				out = append(out, merge(nil, v))
			} else {
				out[i] = merge(out[i], v)
			}
		}
		return out
	}
	return patch
}

func named(list []any) bool {
	for _, v := range list {
		m, ok := v.(map[string]any)
		if !ok {
			return false
		}
		if _, ok := m["name"].(string); !ok {
			return false
		}
	}
	return true
}

func (s *Submission) resources(v any) error {
	m, ok := v.(map[string]any)
	if !ok {
		return sqlerr.Invalid("Invalid SPEC_OVERRIDES: resources of the container must be an object.")
	}
	for _, part := range slices.Sorted(maps.Keys(m)) {
		var to *pool.Resources
		switch part {
		case "requests":
			to = &s.Requests
		case "limits":
			to = &s.Limits
		default:
			return sqlerr.Unsupported("SPEC_OVERRIDES: spec.containers[%s].resources.%s", container, part)
		}
		rs, ok := m[part].(map[string]any)
		if !ok {
			return sqlerr.Invalid("Invalid SPEC_OVERRIDES: resources.%s must be an object.", part)
		}
		for _, k := range slices.Sorted(maps.Keys(rs)) {
			var err error
			switch k {
			case "cpu":
				to.MilliCPU, err = milliCPU(fmt.Sprint(rs[k]))
			case "memory":
				to.Memory, err = memory(fmt.Sprint(rs[k]))
			default:
				return sqlerr.Unsupported("SPEC_OVERRIDES: spec.containers[%s].resources.%s.%s", container, part, k)
			}
			if err != nil {
				return sqlerr.Invalid("Invalid SPEC_OVERRIDES: resources.%s.%s: %v.", part, k, err)
			}
		}
	}
	if s.Limits.MilliCPU > 0 && s.Requests.MilliCPU > s.Limits.MilliCPU || s.Limits.Memory > 0 && s.Requests.Memory > s.Limits.Memory {
		return sqlerr.Invalid("Invalid SPEC_OVERRIDES: the container's resources.requests are larger than its limits.")
	}
	return nil
}

// milliCPU reads 0.5, 2 or 500m.
func milliCPU(text string) (int64, error) {
	n, scale := text, 1000.0
	if strings.HasSuffix(n, "m") {
		n, scale = strings.TrimSuffix(n, "m"), 1
	}
	f, err := strconv.ParseFloat(n, 64)
	if err != nil || !(f > 0) || f*scale > 1e7 {
		return 0, fmt.Errorf("'%s' is no number of CPUs", text)
	}
	return int64(math.Ceil(f * scale)), nil
}

// memory reads a number with one of the units M, Mi, G, Gi.
func memory(text string) (int64, error) {
	for unit, size := range map[string]float64{"Mi": 1 << 20, "Gi": 1 << 30, "M": 1e6, "G": 1e9} {
		if n, ok := strings.CutSuffix(text, unit); ok {
			f, err := strconv.ParseFloat(n, 64)
			if err != nil || !(f > 0) || f*size > 1<<50 {
				break
			}
			return int64(f * size), nil
		}
	}
	return 0, fmt.Errorf("'%s' is no amount of memory: a number and M, Mi, G or Gi", text)
}
