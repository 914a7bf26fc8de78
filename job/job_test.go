package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"firn/driver"
	"firn/pool"
	"firn/sql"
	"firn/sqlerr"
)

func TestOneJob(t *testing.T) {
	b := newBench(t).start()
	full, name, id := b.submit(fileSpec, options(`, "COMMENT": "mine", "SOMETHING_NEW": 1`))
	if !strings.HasPrefix(full, "DB1.PUBLIC.MAIN_0B2DB4BC_") || len(name) <= len("MAIN_0B2DB4BC_") {
		t.Fatalf("name %s", full)
	}
	inst := instanceID(id, 0)
	b.machine.runs(t, inst)
	s := b.machine.specs[inst]
	if want := []string{"/mnt/job_stage/app/main.py", "--x", "1"}; !slices.Equal(s.Args, want) {
		t.Errorf("args %v", s.Args)
	}
	if want := []string{"/env/bin/python", "/launcher/launcher.py", "/mnt/job_stage/app/main.py", "--x", "1"}; !slices.Equal(s.Cold, want) {
		t.Errorf("cold %v", s.Cold)
	}
	results := filepath.Join(b.stage("main"), strings.ToLower(name))
	tree := filepath.Dir(b.stage("main"))
	if want := []driver.Mount{{Source: b.stage("main"), Target: "/mnt/job_stage", Root: tree}, {Source: results, Target: "/mnt/job_result", Root: tree}}; !slices.Equal(s.Mounts, want) {
		t.Errorf("mounts %v", s.Mounts)
	}
	for k, v := range map[string]string{"A": "1", "MLRS_RESULT_PATH": "mljob_result", "MLRS_STAGE_RESULT_PATH": "/mnt/job_result", "SNOWFLAKE_HOST": "127.0.0.1", "SNOWFLAKE_PORT": "8085",
		"SNOWFLAKE_SERVICE_NAME": name, "SNOWFLAKE_JOBS_COUNT": "1", "SNOWFLAKE_JOB_INDEX": "0", "FIRN_CLIENT_PYTHON": "3.11", "OMP_NUM_THREADS": "3", "SNOWFLAKE_DATABASE": "DB1",
		"SNOWFLAKE_TOKEN_FILE": "/snowflake/session/token", "SNOWFLAKE_PROTOCOL": "http", "SNOWFLAKE_HOME": "/run/firn", "MLRS_MIN_INSTANCES": "1"} {
		if s.Env[k] != v {
			t.Errorf("%s=%q, want %q", k, s.Env[k], v)
		}
	}
	if _, ok := s.Env["MLRS_NODE_IPS"]; ok {
		t.Error("one instance has addresses of others")
	}
	if s.Warm == "" || len(b.machine.warmed) != 1 || b.machine.warmed[0].Key != s.Warm || b.machine.warmed[0].Script != "/launcher/warm.py" {
		t.Errorf("warm %q %+v", s.Warm, b.machine.warmed)
	}
	if s.MilliCPU != 3000 || s.Memory != 13<<30 {
		t.Errorf("limits %d %d", s.MilliCPU, s.Memory)
	}
	token, err := os.ReadFile(filepath.Join(s.Files, "token"))
	if err != nil || string(token) != fmt.Sprintf("token-1-ADMIN-ACCOUNTADMIN-%d", id) {
		t.Errorf("token %q %v", token, err)
	}
	toml, _ := os.ReadFile(filepath.Join(s.Files, "connections.toml"))
	if !strings.Contains(string(toml), "[default]\n") || !strings.Contains(string(toml), `token_file_path = "/snowflake/session/token"`) || !strings.Contains(string(toml), "port = 8085") {
		t.Errorf("connections.toml %s", toml)
	}
	if _, err := b.call(session(), "!SPCS_WAIT_FOR", []string{"DB1", "PUBLIC", name}, "RUNNING", int64(600)); err != nil {
		t.Fatal(err)
	}
	b.clock.advance(time.Hour/2 + time.Second)
	waitFor(t, "a renewed token", func() bool {
		tok, _ := os.ReadFile(filepath.Join(s.Files, "token"))
		return strings.HasPrefix(string(tok), "token-2-")
	})
	b.machine.print(inst, "hello")
	b.machine.print(inst, "world")
	b.machine.end(inst, driver.Exit{Code: 0, Started: b.clock.Now(), Ended: b.clock.Now().Add(3 * time.Second)})
	j := b.wait(name)
	if j.Status != "DONE" || j.Message != "Job completed successfully." || j.Granted != 1 || j.Completed.IsZero() || j.Started.IsZero() {
		t.Errorf("record %+v", j)
	}
	// The payload left no result: the server says so.
	if m := readResult(t, results); m.Success || !strings.Contains(m.Metadata.Message, "before it left a result") {
		t.Errorf("result %+v", m)
	}
	waitFor(t, "cleaned", func() bool {
		_, err := os.Stat(s.Files)
		return errors.Is(err, os.ErrNotExist)
	})
	b.rooms.mu.Lock()
	if !slices.Equal(b.rooms.revoked, []string{fmt.Sprint(id)}) {
		t.Errorf("revoked %v", b.rooms.revoked)
	}
	b.rooms.mu.Unlock()
	logs, err := b.call(session(), "SYSTEM$GET_SERVICE_LOGS", nil, full, int64(0), "main")
	if err != nil || logs.Rows[0][0] != "hello\nworld" {
		t.Errorf("logs %v %v", logs, err)
	}
	logs, err = b.call(session(), "SYSTEM$GET_SERVICE_LOGS", nil, full, "0", "main", int64(1), false, "", false)
	if err != nil || logs.Rows[0][0] != "world" {
		t.Errorf("logs %v %v", logs, err)
	}
	table, err := b.call(session(), "!SPCS_GET_LOGS", []string{"DB1", "PUBLIC", name})
	if err != nil || len(table.Rows) != 2 || table.Rows[1][3] != "world" || table.Rows[0][1] != int64(0) || table.Rows[0][2] != "main" {
		t.Errorf("logs %v %v", table, err)
	}

	d, err := b.run(&sql.Describe{Kind: "SERVICE", Name: jobSQL(name)})
	if err != nil || len(d.Rows) != 1 {
		t.Fatal(d, err)
	}
	for k, v := range map[string]any{"name": name, "status": "DONE", "database_name": "DB1", "owner": "ACCOUNTADMIN", "compute_pool": pool.SystemPool, "target_instances": int64(1), "is_async_job": "true", "is_job": "true", "comment": "mine"} {
		if got := column(t, d, 0, k); got != v {
			t.Errorf("DESCRIBE %s = %v, want %v", k, got, v)
		}
	}
	checkSpec(t, column(t, d, 0, "spec").(string), name)

	h, err := b.call(session(), "SNOWFLAKE.SPCS.GET_JOB_HISTORY", nil)
	if err != nil || len(h.Rows) != 1 || column(t, h, 0, "NAME") != name || column(t, h, 0, "DELETED_TIME") != nil {
		t.Fatal(h, err)
	}
	var params map[string]any
	if err := json.Unmarshal(column(t, h, 0, "PARAMETERS").(json.RawMessage), &params); err != nil || params["REPLICAS"] != 1.0 || params["ASYNC"] != true || params["job_seconds"] != 3.0 {
		t.Errorf("parameters %v %v", params, err)
	}
	if fmt.Sprint(params["NOTES"]) != "[unknown key SOMETHING_NEW in the job options]" {
		t.Errorf("notes %v", params["NOTES"])
	}
	c, err := b.call(session(), "FIRN$JOB_COST", nil)
	if err != nil || column(t, c, 0, "NODE_SECONDS") != 3.0 || column(t, c, 0, "INSTANCE_FAMILY") != "CPU_X64_S" {
		t.Errorf("cost %v %v", c, err)
	}

	if _, err := b.run(&sql.Drop{Kind: "SERVICE", Name: jobSQL(name)}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.run(&sql.Describe{Kind: "SERVICE", Name: jobSQL(name)}); !sqlerr.Is(err, 2003) {
		t.Errorf("dropped: %v", err)
	}
	h, err = b.call(session(), "SNOWFLAKE.SPCS.GET_JOB_HISTORY", nil)
	if err != nil || column(t, h, 0, "STATUS") != "DELETED" || column(t, h, 0, "DELETED_TIME") == nil {
		t.Error(h, err)
	}
	if b.machine.is[inst] != nil {
		t.Error("the instance's files are still there")
	}
	if _, err := os.Stat(b.stage("main")); err != nil {
		t.Error("the payload went with the job")
	}
}

// waitFor watches for something that happens after the last thing that a test can wait on.
func waitFor(t testing.TB, what string, f func() bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("too late: %s", what)
		}
	}
}

func readResult(t testing.TB, dir string) resultJSON {
	t.Helper()
	var m resultJSON
	b, err := os.ReadFile(filepath.Join(dir, "mljob_result"))
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// checkSpec reads a specification as the client does (job.py: _container_spec, _stage_path, _result_path).
func checkSpec(t testing.TB, text, name string) {
	t.Helper()
	var s struct {
		Spec struct {
			Containers []struct {
				Name, Image  string
				Args         []string
				Env          map[string]any
				VolumeMounts []struct {
					Name      string
					MountPath string `yaml:"mountPath"`
				} `yaml:"volumeMounts"`
			}
			Volumes []struct {
				Name, Source string
				StageConfig  struct{ Name string } `yaml:"stageConfig"`
			}
		}
	}
	if err := yaml.Unmarshal([]byte(text), &s); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if len(s.Spec.Containers) != 1 || len(s.Spec.Volumes) != 2 || len(s.Spec.Containers[0].VolumeMounts) != 2 {
		t.Fatalf("spec\n%s", text)
	}
	c := s.Spec.Containers[0]
	if c.Name != "main" || c.Env["MLRS_MIN_INSTANCES"] != "1" || c.Env["A"] != "1" || c.Env["MLRS_RESULT_PATH"] != "mljob_result" || c.Args[0] != "bash" || c.VolumeMounts[1].MountPath != "/mnt/job_result" {
		t.Errorf("spec\n%s", text)
	}
	if v := s.Spec.Volumes; v[0].StageConfig.Name != "@DB1.PUBLIC.PAY/main" || v[1].StageConfig.Name != "@DB1.PUBLIC.PAY/main/"+strings.ToLower(name) || v[0].Name != "stage-volume" || v[1].Name != "result-volume" {
		t.Errorf("spec\n%s", text)
	}
}

func TestEndings(t *testing.T) {
	for _, c := range []struct {
		name    string
		exit    driver.Exit
		status  string
		message string // in the status message
		kind    string // of the exception that the client raises
	}{
		{"raised", driver.Exit{Code: 1}, "FAILED", "The job ended with exit code 1\nThe last lines of its log:\nboom", "builtins.RuntimeError"},
		{"exit 3", driver.Exit{Code: 3}, "FAILED", "exit code 3", "builtins.RuntimeError"},
		{"killed", driver.Exit{Code: 137, Signal: "SIGKILL"}, "FAILED", "The job was killed by SIGKILL", "builtins.RuntimeError"},
		{"memory", driver.Exit{Code: 137, Signal: "SIGKILL", OOM: true, Reason: "out of memory: the limit of 2 GiB"}, "FAILED", "The job was killed: out of memory: the limit of 2 GiB", "builtins.MemoryError"},
		{"lost", driver.Exit{Code: 137, Signal: "SIGKILL", Reason: "lost: the shim was killed"}, "FAILED", "The job failed: lost: the shim was killed", "builtins.RuntimeError"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t).start()
			_, name, id := b.submit(fileSpec, options(""))
			b.machine.runs(t, instanceID(id, 0))
			b.machine.print(instanceID(id, 0), "boom")
			b.machine.end(instanceID(id, 0), c.exit)
			j := b.wait(name)
			if j.Status != c.status || !strings.Contains(j.Message, c.message) {
				t.Errorf("%s %q", j.Status, j.Message)
			}
			m := readResult(t, filepath.Join(b.stage("main"), strings.ToLower(name)))
			if m.Success || m.Metadata.Type != c.kind || m.Kind != "result" || m.Metadata.Repr == "" || !strings.HasPrefix(m.Metadata.Message, "The job ") {
				t.Errorf("result %+v", m)
			}
		})
	}
}

// TestResultIsThePayloads: a result that the payload left is never touched, and what it left in the way does no harm.
func TestResultIsThePayloads(t *testing.T) {
	b := newBench(t).start()
	secret := filepath.Join(b.dir, "secret")
	if err := os.WriteFile(secret, []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, leave := range []func(dir string) error{
		func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "mljob_result"), []byte(`{"success":false}`), 0o644)
		},
		func(dir string) error { return os.Symlink(secret, filepath.Join(dir, "mljob_result")) },
		func(dir string) error { return errors.Join(os.Remove(dir), os.Symlink(filepath.Dir(secret), dir)) },
		func(dir string) error { return errors.Join(os.Remove(dir), os.WriteFile(dir, nil, 0o644)) },
		func(dir string) error { return os.Mkdir(filepath.Join(dir, "mljob_result"), 0o755) },
	} {
		_, name, id := b.submit(fileSpec, options(""))
		b.machine.runs(t, instanceID(id, 0))
		dir := filepath.Join(b.stage("main"), strings.ToLower(name))
		if err := leave(dir); err != nil {
			t.Fatal(err)
		}
		b.machine.end(instanceID(id, 0), driver.Exit{Code: 1})
		if j := b.wait(name); j.Status != "FAILED" {
			t.Errorf("%d: %s", i, j.Status)
		}
		if got, _ := os.ReadFile(secret); string(got) != "keep" {
			t.Fatalf("%d: the server wrote where the job pointed: %s", i, got)
		}
		if i == 0 {
			if got, _ := os.ReadFile(filepath.Join(dir, "mljob_result")); string(got) != `{"success":false}` {
				t.Errorf("the payload's result became %s", got)
			}
		}
		if i == 1 {
			if m := readResult(t, dir); m.Metadata.Type == "" {
				t.Error("a symlink kept the reason from the user")
			}
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(secret), "mljob_result")); err == nil {
			t.Fatalf("%d: a file outside of the stage", i)
		}
	}
}

// TestLongWords: arguments that no command line holds reach the launcher by a file, in a cold start as in a warm one.
func TestLongWords(t *testing.T) {
	b := newBench(t).start()
	for _, size := range []int{900 << 10, 1100 << 10, 3 << 20} {
		long := strings.Repeat("x", size)
		spec := strings.Replace(fileSpec, `"--x", "1"`, `"--x", "1", "`+long+`"`, 1)
		_, name, id := b.submit(spec, options(""))
		inst := instanceID(id, 0)
		b.machine.runs(t, inst)
		s := b.machine.specs[inst]
		if want := []string{"/mnt/job_stage/app/main.py", "--x", "1", ""}; !slices.Equal(s.Args, want) || !slices.Equal(s.Cold[2:], want) {
			t.Errorf("%d bytes: args %.100v, cold %.100v", size, s.Args, s.Cold)
		}
		if s.Env["FIRN_LONG_WORDS"] != "/run/firn/words.json" {
			t.Errorf("FIRN_LONG_WORDS=%q", s.Env["FIRN_LONG_WORDS"])
		}
		var got map[string]string
		data, err := os.ReadFile(filepath.Join(s.Files, "words.json"))
		if err == nil {
			err = json.Unmarshal(data, &got)
		}
		if err != nil || len(got) != 1 || got["3"] != long {
			t.Errorf("%d bytes: %d words in the file, %v", size, len(got), err)
		}
		b.machine.end(inst, driver.Exit{})
		b.wait(name)
	}
}

// TestLinkedStage: a job that has a stage's upper directory swaps another one's folder for a link before that starts.
func TestLinkedStage(t *testing.T) {
	b := newBench(t)
	outside, inside := filepath.Join(b.dir, "outside"), filepath.Join(filepath.Dir(b.stage("main")), "moved")
	if err := os.Mkdir(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	for i, to := range []string{outside, inside} {
		b.rooms.ensure = func(context.Context) error { // runs between the job's submission and its start
			return errors.Join(os.Rename(b.stage("main"), inside), os.Symlink(to, b.stage("main")))
		}
		if i == 0 {
			b.start()
		}
		_, name, id := b.submit(fileSpec, options(""))
		if j := b.wait(name); j.Status != "FAILED" || strings.Contains(j.Message, b.dir) {
			t.Errorf("%s %s", j.Status, j.Message)
		}
		if _, ok := b.machine.specs[instanceID(id, 0)]; ok {
			t.Error("it was started")
		}
		for _, d := range []string{outside, inside} {
			if _, err := os.Lstat(filepath.Join(d, strings.ToLower(name))); err == nil {
				t.Errorf("the server made a folder through the link, in %s", filepath.Base(d))
			}
		}
		if err := errors.Join(os.Remove(b.stage("main")), os.Rename(inside, b.stage("main"))); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStaleResult: a job does not inherit the result of a dropped one of its name.
func TestStaleResult(t *testing.T) {
	b := newBench(t).start()
	plain := strings.Replace(options(""), `"GENERATE_SUFFIX": true`, `"GENERATE_SUFFIX": false`, 1)
	for i := range 2 {
		_, name, id := b.submit(fileSpec, plain)
		b.machine.runs(t, instanceID(id, 0))
		file := filepath.Join(b.stage("main"), strings.ToLower(name), "mljob_result")
		if i == 0 {
			if err := os.WriteFile(file, []byte(`{"success":true,"value":"old"}`), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		b.machine.end(instanceID(id, 0), driver.Exit{Code: 1})
		b.wait(name)
		if m := readResult(t, filepath.Dir(file)); i == 1 && m.Value != nil {
			t.Errorf("the second job's result is %v", m.Value)
		}
		if _, err := b.run(&sql.Drop{Kind: "SERVICE", Name: jobSQL(name)}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGang(t *testing.T) {
	b := newBench(t).start()
	three := options(`, "TARGET_INSTANCES": 3, "MIN_INSTANCES": 2`)
	three = strings.Replace(strings.Replace(three, `"TARGET_INSTANCES": 1, `, "", 1), `"MIN_INSTANCES": 1, `, "", 1)
	// Instance 0 decides; the others are stopped after it.
	_, name, id := b.submit(fileSpec, three)
	for i := range 3 {
		b.machine.runs(t, instanceID(id, i))
	}
	s := b.machine.specs[instanceID(id, 2)]
	if _, err := b.call(session(), "!SPCS_WAIT_FOR", []string{"DB1", "PUBLIC", name}, "RUNNING", int64(600)); err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"MLRS_HEAD_IP": "10.244.0.2", "MLRS_NODE_IPS": "10.244.0.2,10.244.0.3,10.244.0.4", "SNOWFLAKE_JOBS_COUNT": "3", "SNOWFLAKE_JOB_INDEX": "2", "MLRS_MIN_INSTANCES": "2"} {
		if s.Env[k] != v {
			t.Errorf("%s=%q, want %q", k, s.Env[k], v)
		}
	}
	res, err := b.run(&sql.Show{Kind: "SERVICE INSTANCES", In: "SERVICE", InName: &sql.Name{Parts: []sql.Ident{{Name: name}}}, Limit: -1})
	if err != nil || len(res.Rows) != 3 || column(t, res, 2, "ip_address") != "10.244.0.4" || column(t, res, 2, "instance_id") != "2" || column(t, res, 0, "status") != "READY" {
		t.Errorf("instances %v %v", res, err)
	}
	b.machine.end(instanceID(id, 1), driver.Exit{Code: 9})
	b.machine.end(instanceID(id, 0), driver.Exit{Code: 0})
	if j := b.wait(name); j.Status != "DONE" || j.Granted != 3 {
		t.Errorf("%+v", j)
	}
	res, err = b.run(&sql.Show{Kind: "SERVICE CONTAINERS", In: "SERVICE", InName: &sql.Name{Parts: []sql.Ident{{Name: name}}}, Limit: -1})
	if err != nil || column(t, res, 0, "status") != "DONE" || column(t, res, 1, "last_exit_code") != int64(9) || column(t, res, 2, "message") != "Stopped when the job had ended" {
		t.Errorf("containers %v %v", res, err)
	}
	// parallel=True: one that fails fails the job.
	parallel := strings.Replace(fileSpec, `"A": 1`, `"MLRS_LAUNCH_BACKEND": "passthrough"`, 1)
	_, name, id = b.submit(parallel, three)
	for i := range 3 {
		b.machine.runs(t, instanceID(id, i))
	}
	b.machine.end(instanceID(id, 0), driver.Exit{Code: 0})
	b.machine.end(instanceID(id, 2), driver.Exit{Code: 7})
	if j := b.wait(name); j.Status != "FAILED" || !strings.Contains(j.Message, "exit code 7 (instance 2)") {
		t.Errorf("%+v", j)
	}
	_, name, id = b.submit(parallel, three)
	for i := range 3 {
		b.machine.runs(t, instanceID(id, i))
	}
	for i := range 3 {
		b.machine.end(instanceID(id, i), driver.Exit{Code: 0})
	}
	if j := b.wait(name); j.Status != "DONE" {
		t.Errorf("%+v", j)
	}
	// One that cannot start takes the others with it.
	b.machine.mu.Lock()
	b.machine.onStart = func(s driver.Spec) error {
		if s.Index == 1 {
			return errors.New("no more room")
		}
		return nil
	}
	b.machine.mu.Unlock()
	_, name, id = b.submit(fileSpec, three)
	if j := b.wait(name); j.Status != "INTERNAL_ERROR" || !strings.Contains(j.Message, "instance 1 could not be started: no more room") {
		t.Errorf("%+v", j)
	}
	if s, _ := b.machine.Recover(context.Background()); s[instanceID(id, 0)] == driver.Running {
		t.Error("an instance of a failed gang runs on")
	}
}

func TestCancelAndDrop(t *testing.T) {
	b := newBench(t)
	b.share = pool.Resources{MilliCPU: 1000, Memory: 4 << 30}
	b.start()
	_, first, id := b.submit(fileSpec, options(""))
	b.machine.runs(t, instanceID(id, 0))
	_, second, id2 := b.submit(fileSpec, options(""))
	waitFor(t, "queued", func() bool { return b.pools.Pending(id2) != "" })
	if _, err := b.call(session(), "SYSTEM$GET_SERVICE_LOGS", nil, "db1.public."+second, int64(0), "main"); err == nil || !strings.Contains(err.Error(), "Container Status: PENDING") {
		t.Errorf("logs of a waiting job: %v", err)
	}
	h, err := b.call(session(), "SNOWFLAKE.SPCS.GET_JOB_HISTORY", nil)
	if err != nil || !strings.Contains(column(t, h, 0, "MESSAGE").(string), "1st in queue") {
		t.Errorf("history %v %v", h, err)
	}
	if _, err := b.call(session(), "!SPCS_WAIT_FOR", []string{"DB1", "PUBLIC", second}, "DONE", int64(0)); err == nil || !strings.Contains(err.Error(), "within 0 seconds: it is PENDING") {
		t.Errorf("wait: %v", err)
	}
	// A queued one is cancelled without ever starting.
	if _, err := b.call(session(), "!SPCS_CANCEL_JOB", []string{"DB1", "PUBLIC", second}); err != nil {
		t.Fatal(err)
	}
	if j := b.wait(second); j.Status != "CANCELLED" || j.Message != "The job was cancelled by ADMIN." {
		t.Errorf("%+v", j)
	}
	if m := readResult(t, filepath.Join(b.stage("main"), strings.ToLower(second))); m.Metadata.Message != "The job was cancelled by ADMIN." {
		t.Errorf("result %+v", m)
	}
	if _, err := b.call(session(), "!SPCS_CANCEL_JOB", []string{"DB1", "PUBLIC", first}); err != nil {
		t.Fatal(err)
	}
	if j := b.wait(first); j.Status != "CANCELLED" {
		t.Errorf("%+v", j)
	}
	if b.machine.starts[instanceID(id2, 0)] != 0 {
		t.Error("a cancelled job was started")
	}
	// Cancelling what has ended changes nothing; an unknown job is 2003 everywhere.
	if _, err := b.call(session(), "!SPCS_CANCEL_JOB", []string{"DB1", "PUBLIC", first}); err != nil {
		t.Error(err)
	}
	for _, f := range []func() error{
		func() error {
			_, err := b.call(session(), "!SPCS_CANCEL_JOB", []string{"DB1", "PUBLIC", "NO"})
			return err
		},
		func() error {
			_, err := b.call(session(), "!SPCS_WAIT_FOR", []string{"NO"}, "DONE", int64(1))
			return err
		},
		func() error { _, err := b.call(session(), "!SPCS_GET_LOGS", []string{"NO"}); return err },
		func() error {
			_, err := b.call(session(), "SYSTEM$GET_SERVICE_LOGS", nil, "no", int64(0), "main")
			return err
		},
		func() error { _, err := b.call(session(), "SYSTEM$GET_SERVICE_STATUS", nil, "no"); return err },
		func() error { _, err := b.run(&sql.Describe{Kind: "SERVICE", Name: jobSQL("NO")}); return err },
		func() error { _, err := b.run(&sql.Drop{Kind: "SERVICE", Name: jobSQL("NO")}); return err },
		func() error {
			n := jobSQL("NO")
			_, err := b.run(&sql.Show{Kind: "ENDPOINTS", InName: &n, Limit: -1})
			return err
		},
		func() error { // another role's
			sc := session()
			sc.Role = "OTHER"
			_, err := b.call(sc, "!SPCS_CANCEL_JOB", []string{"DB1", "PUBLIC", first})
			return err
		},
	} {
		if err := f(); !sqlerr.Is(err, 2003) {
			t.Errorf("unknown job: %v", err)
		}
	}
	// Dropping a running one stops it, and its name is free at once.
	plain := strings.Replace(options(""), `"GENERATE_SUFFIX": true`, `"GENERATE_SUFFIX": false`, 1)
	_, third, id3 := b.submit(fileSpec, plain)
	if third != "MAIN_0B2DB4BC_" {
		t.Fatalf("name %s", third)
	}
	b.machine.runs(t, instanceID(id3, 0))
	if _, err := b.call(session(), "SYSTEM$EXECUTE_ML_JOB", nil, "main_0b2db4bc_", pool.SystemPool, fileSpec, plain); !sqlerr.Is(err, 2002) {
		t.Errorf("twice: %v", err)
	}
	if _, err := b.run(&sql.Drop{Kind: "SERVICE", Name: jobSQL(third)}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.run(&sql.Describe{Kind: "SERVICE", Name: jobSQL(third)}); !sqlerr.Is(err, 2003) {
		t.Errorf("dropped: %v", err)
	}
	waitFor(t, "its instance is gone", func() bool {
		b.machine.mu.Lock()
		defer b.machine.mu.Unlock()
		return b.machine.is[instanceID(id3, 0)] == nil
	})
	if j, err := b.store.Job(context.Background(), id3); err != nil || j.Status != "DELETED" || j.Deleted.IsZero() {
		t.Errorf("%+v %v", j, err)
	}
	b.submit(fileSpec, plain)
}

func TestRetriedRequest(t *testing.T) {
	b := newBench(t).start()
	sc := session()
	sc.Request = "a-request"
	one, err := b.call(sc, "SYSTEM$EXECUTE_ML_JOB", nil, "db1.public.f_", pool.SystemPool, fileSpec, options(""))
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.call(sc, "SYSTEM$EXECUTE_ML_JOB", nil, "db1.public.f_", pool.SystemPool, fileSpec, options(""))
	if err != nil || again.Rows[0][0] != one.Rows[0][0] {
		t.Errorf("%v %v, first %v", again, err, one.Rows[0])
	}
	b.stop()
	b.start()
	again, err = b.call(sc, "SYSTEM$EXECUTE_ML_JOB", nil, "db1.public.f_", pool.SystemPool, fileSpec, options(""))
	if err != nil || again.Rows[0][0] != one.Rows[0][0] {
		t.Errorf("after a restart %v %v", again, err)
	}
	if jobs, _ := b.store.OpenJobs(context.Background()); len(jobs) != 1 {
		t.Errorf("%d jobs", len(jobs))
	}
}

func TestSynchronous(t *testing.T) {
	b := newBench(t).start()
	sync := strings.Replace(options(""), `"ASYNC": true`, `"ASYNC": false`, 1)
	for _, code := range []int{0, 4} {
		done := make(chan error, 1)
		go func() {
			_, err := b.call(session(), "SYSTEM$EXECUTE_ML_JOB", nil, "db1.public.f_", pool.SystemPool, fileSpec, sync)
			done <- err
		}()
		inst := ""
		b.machine.until(t, "it runs", func() bool {
			for id, i := range b.machine.is {
				if i.exit == nil {
					inst = id
				}
			}
			return inst != ""
		})
		b.machine.end(inst, driver.Exit{Code: code})
		switch err := <-done; {
		case code == 0 && err != nil:
			t.Error(err)
		case code != 0 && (err == nil || !strings.Contains(err.Error(), "ended with status FAILED: The job ended with exit code 4")):
			t.Error(err)
		}
	}
}

func TestRefusals(t *testing.T) {
	b := newBench(t).start()
	b.rooms.egress = map[string][]string{"PYPI": {"pypi.org:443"}}
	function := strings.Replace(fileSpec, `"/mnt/job_stage/app/main.py", "--x", "1"`, `"/mnt/job_stage/app/func.py", "--script_main_func", "func"`, 1)
	with := func(spec, from, to string) string {
		if !strings.Contains(spec, from) {
			t.Fatalf("%q is not in the spec", from)
		}
		return strings.Replace(spec, from, to, 1)
	}
	over := func(patch string) string { return with(fileSpec, `"SPEC_OVERRIDES": null`, `"SPEC_OVERRIDES": `+patch) }
	for _, c := range []struct {
		what, name, pool, spec, options string
		code                            int // 0: accepted
		text                            string
	}{
		{"pool", "f_", "NOPE", fileSpec, options(""), 2003, "Compute pool 'NOPE'"},
		{"quoted pool", "f_", `"SYSTEM_COMPUTE_POOL_CPU"`, fileSpec, options(""), 0, ""},
		{"schema", "nodb.s.f_", pool.SystemPool, fileSpec, options(""), 2003, "NODB.S"},
		{"identifier", "a b", pool.SystemPool, fileSpec, options(""), 1008, "a b"},
		{"slash", `"../x"`, pool.SystemPool, fileSpec, options(""), 1008, "../x"},
		{"stage", "f_", pool.SystemPool, with(fileSpec, "@PAY/", "@NOPE/"), options(""), 2003, "Stage 'DB1.PUBLIC.NOPE'"},
		{"stage path", "f_", pool.SystemPool, with(fileSpec, "@PAY/main", "@PAY/none"), options(""), 2003, "@DB1.PUBLIC.PAY/NONE"},
		{"user stage", "f_", pool.SystemPool, with(fileSpec, "@PAY/main", "@~/main"), options(""), 2, "named stage"},
		{"no stage path", "f_", pool.SystemPool, `{"ARGS": ["x"]}`, options(""), 1008, "STAGE_PATH is missing"},
		{"no args", "f_", pool.SystemPool, `{"STAGE_PATH": "@PAY/main"}`, options(""), 1008, "ARGS is missing"},
		{"spec", "f_", pool.SystemPool, `{`, options(""), 1008, "Invalid job specification"},
		{"options", "f_", pool.SystemPool, fileSpec, `[1]`, 1008, "Invalid job options"},
		{"no options", "f_", pool.SystemPool, fileSpec, `null`, 0, ""},
		{"null options", "g_", pool.SystemPool, fileSpec, `{"TARGET_INSTANCES": null, "MIN_INSTANCES": null, "ASYNC": null}`, 0, ""},
		{"zero instances", "f_", pool.SystemPool, fileSpec, `{"TARGET_INSTANCES": 0}`, 1008, "at least 1"},
		{"minimum over target", "f_", pool.SystemPool, fileSpec, `{"TARGET_INSTANCES": 1, "MIN_INSTANCES": 2}`, 1008, "MIN_INSTANCES (2)"},
		{"too many", "f_", pool.SystemPool, fileSpec, `{"TARGET_INSTANCES": 9}`, 395018, "9 instances reserve"},
		{"integration", "f_", pool.SystemPool, fileSpec, options(`, "EXTERNAL_ACCESS_INTEGRATIONS": ["NOPE"]`), 2003, "'NOPE'"},
		{"known integration", "f_", pool.SystemPool, fileSpec, options(`, "EXTERNAL_ACCESS_INTEGRATIONS": ["pypi"]`), 0, ""},
		{"quoted warehouse", "f_", pool.SystemPool, fileSpec, options(`, "QUERY_WAREHOUSE": "\"WH\""`), 0, ""},
		{"warehouse", "f_", pool.SystemPool, fileSpec, options(`, "QUERY_WAREHOUSE": "a b"`), 1008, "'a b'"},
		{"runtime", "f_", pool.SystemPool, with(fileSpec, `"RUNTIME": null`, `"RUNTIME": "bad"`), options(""), 1008, "Unknown runtime"},
		{"1.26's runtime", "f_", pool.SystemPool, with(fileSpec, `"RUNTIME": null`, `"RUNTIME": "{\"pythonVersion\": \"3.11\"}"`), options(""), 0, ""},
		{"function", "f_", pool.SystemPool, function, options(""), 0, ""},
		{"function of another Python", "f_", pool.SystemPool, with(function, `"RUNTIME": null`, `"RUNTIME": "/firn/runtime/images/cpu:1-py312"`), options(""), 1008, "pickled with Python 3.11 but the job's runtime has Python 3.12"},
		{"file of another Python", "f_", pool.SystemPool, with(fileSpec, `"RUNTIME": null`, `"RUNTIME": "/firn/runtime/images/cpu:1-py312"`), options(""), 0, ""},
		{"overrides: env and resources", "f_", pool.SystemPool, over(`{"spec": {"containers": [{"name": "main", "env": {"B": 2, "A": null}, "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": 1}}}]}}`), options(""), 0, ""},
		{"overrides: too much", "f_", pool.SystemPool, over(`{"spec": {"containers": [{"name": "main", "resources": {"requests": {"cpu": 40}}}]}}`), options(""), 395018, "asks for 40 CPU"},
		{"overrides: secrets", "f_", pool.SystemPool, over(`{"spec": {"containers": [{"name": "main", "secrets": []}]}}`), options(""), 2, "spec.containers[main].secrets"},
		{"overrides: capabilities", "f_", pool.SystemPool, over(`{"capabilities": {"x": 1}}`), options(""), 2, "capabilities"},
		{"overrides: a second container", "f_", pool.SystemPool, over(`{"spec": {"containers": [{"name": "side"}]}}`), options(""), 2, "spec.containers[side]"},
		{"overrides: stage volume", "f_", pool.SystemPool, over(`{"spec": {"volumes": [{"name": "stage-volume", "source": "@X"}]}}`), options(""), 1008, "may not be overridden"},
		{"overrides: volume", "f_", pool.SystemPool, over(`{"spec": {"volumes": [{"name": "data", "source": "local"}]}}`), options(""), 2, "spec.volumes[data]"},
		{"overrides: GPU", "f_", pool.SystemPool, over(`{"spec": {"containers": [{"name": "main", "resources": {"limits": {"nvidia.com/gpu": 1}}}]}}`), options(""), 2, "nvidia.com/gpu"},
		{"overrides: memory", "f_", pool.SystemPool, over(`{"spec": {"containers": [{"name": "main", "resources": {"limits": {"memory": "much"}}}]}}`), options(""), 1008, "'much'"},
		{"overrides: no object", "f_", pool.SystemPool, over(`[1]`), options(""), 1008, "SPEC_OVERRIDES"},
		{"overrides: spec is text", "f_", pool.SystemPool, over(`{"spec": "x"}`), options(""), 1008, "spec must be an object"},
		{"overrides: containers is text", "f_", pool.SystemPool, over(`{"spec": {"containers": "x"}}`), options(""), 1008, "must be a list"},
		{"overrides: containers of texts", "f_", pool.SystemPool, over(`{"spec": {"containers": ["x"]}}`), options(""), 1008, "must be a list"},
		{"variable", "f_", pool.SystemPool, with(fileSpec, `"A": 1`, `"A=B": 1`), options(""), 1008, "'A=B'"},
		{"nested", "f_", pool.SystemPool, with(fileSpec, `"A": 1`, `"A": {"x": [1, 2]}`), options(""), 0, ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			before, _ := b.store.OpenJobs(context.Background())
			_, err := b.call(session(), "SYSTEM$EXECUTE_ML_JOB", nil, c.name, c.pool, c.spec, c.options)
			after, _ := b.store.OpenJobs(context.Background())
			if c.code == 0 {
				if err != nil || len(after) != len(before)+1 {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if !sqlerr.Is(err, c.code) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%v, want %d with %q", err, c.code, c.text)
			}
			if len(after) != len(before) {
				t.Error("something was recorded")
			}
		})
	}
	if res, err := b.call(session(), "SYSTEM$GET_ML_JOB_RUNTIME", nil, pool.SystemPool, `{"pythonVersion": "3.12"}`); err != nil || res.Rows[0][0] != "/firn/runtime/images/cpu:1-py312" {
		t.Errorf("%v %v", res, err)
	}
	if _, err := b.call(session(), "SYSTEM$GET_ML_JOB_RUNTIME", nil, "nope", ""); !sqlerr.Is(err, 2003) {
		t.Error(err)
	}
	if _, err := b.run(&sql.ExecuteJob{}); !sqlerr.Is(err, 2) || !strings.Contains(err.Error(), "EXECUTE JOB SERVICE") {
		t.Error(err)
	}
}

func TestCommands(t *testing.T) {
	b := newBench(t).start()
	for _, c := range []struct {
		args, env string
		want      []string
		warm      bool
	}{
		{`["bash", "/mnt/job_stage/system/startup.sh", "app/x.py"]`, `{}`, []string{"app/x.py"}, true},
		{`["bash", "/mnt/job_stage/system/startup.sh", "app/x.py"]`, `{"MLRS_USE_EMBEDDED_SCRIPTS": false}`, []string{"bash", "/mnt/job_stage/system/startup.sh", "app/x.py"}, false},
		{`["python", "-c", "print(1)"]`, `{}`, []string{"python", "-c", "print(1)"}, false},
		{`["echo", 1, true, null]`, `{}`, []string{"echo", "1", "true", ""}, false},
	} {
		_, _, id := b.submit(`{"STAGE_PATH": "@db1.public.pay/main/", "ARGS": `+c.args+`, "ENV_VARS": `+c.env+`}`, options(""))
		b.machine.runs(t, instanceID(id, 0))
		s := b.machine.specs[instanceID(id, 0)]
		if !slices.Equal(s.Args, c.want) || (s.Warm != "") != c.warm || !strings.HasPrefix(s.Env["PATH"], "/env/bin:") {
			t.Errorf("%s: %v warm %q", c.args, s.Args, s.Warm)
		}
		b.machine.end(instanceID(id, 0), driver.Exit{})
	}
}

func TestRequirements(t *testing.T) {
	b := newBench(t).start()
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(b.stage("main"), name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("system/requirements.txt", "cloudpickle~=3.0\n")
	_, name, id := b.submit(fileSpec, options(""))
	b.machine.runs(t, instanceID(id, 0))
	b.machine.end(instanceID(id, 0), driver.Exit{})
	b.wait(name)

	put("app/requirements.txt", "nothere\n")
	b.rooms.unmet = errors.New("ERROR: Could not find a version that satisfies the requirement nothere (from versions: none)\nERROR: No matching distribution found for nothere")
	full, name, id := b.submit(fileSpec, options(""))
	j := b.wait(name)
	if j.Status != "FAILED" || !strings.Contains(j.Message, "No matching distribution found for nothere") || b.machine.starts[instanceID(id, 0)] != 0 {
		t.Errorf("%+v", j)
	}
	logs, err := b.call(session(), "SYSTEM$GET_SERVICE_LOGS", nil, full, int64(0), "main")
	if err != nil || !strings.Contains(logs.Rows[0][0].(string), "ERROR: No matching distribution found for nothere") {
		t.Errorf("logs %v %v", logs, err)
	}
	if m := readResult(t, filepath.Join(b.stage("main"), strings.ToLower(name))); !strings.Contains(m.Metadata.Message, "nothere") {
		t.Errorf("result %+v", m)
	}
	b.rooms.unmet = nil
	put("app/environment.yml", "name: x")
	_, name, _ = b.submit(fileSpec, options(""))
	if j := b.wait(name); j.Status != "FAILED" || !strings.Contains(j.Message, "Custom conda environments not currently supported") {
		t.Errorf("%+v", j)
	}
	os.Remove(filepath.Join(b.stage("main"), "app/environment.yml"))
	b.rooms.mu.Lock()
	b.rooms.ensure = func(context.Context) error { return errors.New("the index is gone") }
	b.rooms.mu.Unlock()
	full, name, _ = b.submit(fileSpec, options(""))
	if j := b.wait(name); j.Status != "FAILED" || !strings.Contains(j.Message, "could not be made: the index is gone") {
		t.Errorf("%+v", j)
	}
	logs, err = b.call(session(), "SYSTEM$GET_SERVICE_LOGS", nil, full, int64(0), "main")
	if err != nil || !strings.Contains(logs.Rows[0][0].(string), "firn: building the environment") {
		t.Errorf("logs %v %v", logs, err)
	}
	// A cancel ends the wait for an environment.
	building := make(chan struct{})
	b.rooms.mu.Lock()
	b.rooms.ensure = func(ctx context.Context) error { close(building); <-ctx.Done(); return ctx.Err() }
	b.rooms.mu.Unlock()
	_, name, _ = b.submit(fileSpec, options(""))
	<-building
	if _, err := b.call(session(), "!SPCS_CANCEL_JOB", []string{"DB1", "PUBLIC", name}); err != nil {
		t.Fatal(err)
	}
	if j := b.wait(name); j.Status != "CANCELLED" {
		t.Errorf("%+v", j)
	}
}

func TestWaitTimesOut(t *testing.T) {
	b := newBench(t).start()
	_, name, id := b.submit(fileSpec, options(""))
	b.machine.runs(t, instanceID(id, 0))
	if _, err := b.call(session(), "!SPCS_WAIT_FOR", []string{"DB1", "PUBLIC", name}, "RUNNING", int64(600)); err != nil {
		t.Fatal(err)
	}
	timers := b.clock.timers()
	done := make(chan error, 1)
	go func() {
		_, err := b.call(session(), "!SPCS_WAIT_FOR", []string{"DB1", "PUBLIC", name}, "DONE", int64(30))
		done <- err
	}()
	waitFor(t, "the wait's timer", func() bool { return b.clock.timers() > timers })
	b.clock.advance(30 * time.Second)
	if err := <-done; err == nil || !strings.Contains(err.Error(), "within 30 seconds") {
		t.Errorf("%v", err)
	}
}

func TestShowServices(t *testing.T) {
	b := newBench(t).start()
	var names []string
	for range 3 {
		_, n, _ := b.submit(fileSpec, options(""))
		names = append(names, n)
	}
	res, err := b.run(&sql.Show{Kind: "JOB SERVICES", Like: &sql.Text{Value: "main\\_%"}, InName: &sql.Name{Parts: []sql.Ident{{Name: "DB1"}, {Name: "PUBLIC"}}}, Limit: 2})
	if err != nil || len(res.Rows) != 2 || column(t, res, 0, "name") != names[2] || column(t, res, 0, "target_instances") != int64(1) {
		t.Errorf("%v %v", res, err)
	}
	if res, err = b.run(&sql.Show{Kind: "SERVICES", In: "ACCOUNT", Limit: -1}); err != nil || len(res.Rows) != 3 || column(t, res, 2, "is_job") != "true" {
		t.Errorf("%v %v", res, err)
	}
	if res, err = b.run(&sql.Show{Kind: "SERVICES", In: "DATABASE", InName: &sql.Name{Parts: []sql.Ident{{Name: "OTHER"}}}, Limit: -1}); err != nil || len(res.Rows) != 0 {
		t.Errorf("%v %v", res, err)
	}
}

// TestStatesPage holds docs/job-states.md to the table, and the table to itself.
func TestStatesPage(t *testing.T) {
	const page = "../docs/job-states.md"
	if os.Getenv("FIRN_WRITE_DOCS") != "" {
		if err := os.WriteFile(page, []byte(statesPage()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || string(got) != statesPage() {
		t.Errorf("%s is not what the table says (%v): run this test with FIRN_WRITE_DOCS=1", page, err)
	}
	reached := map[Status]bool{"": true}
	for _, x := range transitions {
		if !reached[x.From] {
			t.Errorf("%s is left before it is reached", x.From)
		}
		reached[x.To] = true
		if x.From.Final() && x.From != "" && x.To != Deleted {
			t.Errorf("%s is final but goes to %s", x.From, x.To)
		}
	}
}
