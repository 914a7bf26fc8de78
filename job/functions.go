package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"firn/result"
	"firn/sqlerr"
	"firn/statement"
	"firn/store"
)

// Functions are what SQL can call of this room.
func (r *Room) Functions() []statement.Function {
	one := func(name string) []result.Column { return []result.Column{result.TextColumn(name)} }
	return []statement.Function{
		{Name: "SYSTEM$GET_ML_JOB_RUNTIME", Procedure: true, Scalar: true, Columns: one("SYSTEM$GET_ML_JOB_RUNTIME"), Call: r.runtime},
		{Name: "SYSTEM$EXECUTE_ML_JOB", Procedure: true, Columns: one("SYSTEM$EXECUTE_ML_JOB"), Call: r.execute},
		{Name: "!SPCS_WAIT_FOR", Procedure: true, Columns: one("SPCS_WAIT_FOR"), Call: r.waitFor},
		{Name: "!SPCS_CANCEL_JOB", Procedure: true, Columns: one("SPCS_CANCEL_JOB"), Call: r.cancelJob},
		{Name: "!SPCS_GET_LOGS", Table: true, Columns: logColumns, Call: r.getLogs},
		{Name: "SYSTEM$GET_SERVICE_LOGS", Procedure: true, Scalar: true, Columns: one("SYSTEM$GET_SERVICE_LOGS"), Call: r.serviceLogs},
		{Name: "SYSTEM$GET_SERVICE_STATUS", Procedure: true, Scalar: true, Columns: one("SYSTEM$GET_SERVICE_STATUS"), Call: r.serviceStatus},
		{Name: "SNOWFLAKE.SPCS.GET_JOB_HISTORY", Table: true, Columns: historyColumns, Call: r.history},
		{Name: "FIRN$JOB_COST", Table: true, Columns: costColumns, Call: r.cost},
	}
}

// Owner is the role that owns a job, for the check of privileges on services: kind SERVICE, name of three parts.
func (r *Room) Owner(ctx context.Context, kind string, name []string) (role string, ok bool, err error) {
	if kind != "SERVICE" || len(name) != 3 {
		return "", false, nil
	}
	j, err := r.cfg.Store.JobByName(ctx, name[0], name[1], name[2])
	if errors.Is(err, store.ErrMissing) {
		return "", false, nil
	}
	return j.Owner, err == nil, err
}

const admin = "ACCOUNTADMIN"

// lookup finds the job of that name for a statement: not there, dropped and not to be seen are the same error, 002003.
func (r *Room) lookup(ctx context.Context, sc *statement.Context, parts []string, privilege string) (store.Job, *live, error) {
	full, err := wholeParts(sc, parts, "this operation")
	if err != nil {
		return store.Job{}, nil, err
	}
	j, err := r.cfg.Store.JobByName(ctx, full[0], full[1], full[2])
	if errors.Is(err, store.ErrMissing) {
		return j, nil, sqlerr.NotExist("Service", strings.Join(full, "."))
	}
	if err != nil {
		return j, nil, sqlerr.Internal(err)
	}
	if j.Owner != sc.Role && sc.Role != admin && (r.cfg.Access == nil || r.need(ctx, sc, privilege, "SERVICE", full...) != nil) {
		return j, nil, sqlerr.NotExist("Service", strings.Join(full, "."))
	}
	l := r.find(j.ID)
	if l != nil {
		j = l.record()
	}
	return j, l, nil
}

func (r *Room) lookupText(ctx context.Context, sc *statement.Context, text, privilege string) (store.Job, *live, error) {
	parts, err := parseName(text)
	if err != nil {
		return store.Job{}, nil, err
	}
	return r.lookup(ctx, sc, parts, privilege)
}

// runtime is SYSTEM$GET_ML_JOB_RUNTIME(pool, request).
func (r *Room) runtime(ctx context.Context, sc *statement.Context, a statement.Args) (*result.Result, error) {
	if len(a.Positional) < 1 || len(a.Positional) > 2 {
		return nil, sqlerr.Compilation(938, "22023", "wrong number of arguments for function [SYSTEM$GET_ML_JOB_RUNTIME], expected 2, got %d", len(a.Positional))
	}
	name, err := poolName(a.String(0))
	if err != nil {
		return nil, err
	}
	if _, ok := r.cfg.Pools.Pool(name); !ok {
		return nil, sqlerr.NotExist("Compute pool", name)
	}
	image, err := r.cfg.Runtimes.Resolve(a.String(1))
	if err != nil {
		return nil, err
	}
	return cell("SYSTEM$GET_ML_JOB_RUNTIME", image), nil
}

// waitFor is job!SPCS_WAIT_FOR(status, seconds): it answers the moment the job ends (or is in that status); when the time is over, that is an
// error, without which clients take the wait for done.
func (r *Room) waitFor(ctx context.Context, sc *statement.Context, a statement.Args) (*result.Result, error) {
	want := Status(strings.ToUpper(a.String(0)))
	if len(a.Positional) != 2 || want == "" {
		return nil, sqlerr.Invalid("SPCS_WAIT_FOR takes a status and a number of seconds.")
	}
	seconds, ok := number(a.Positional[1])
	if !ok || seconds < 0 || seconds > 1e6 {
		return nil, sqlerr.Invalid("SPCS_WAIT_FOR: the number of seconds must be zero or more.")
	}
	j, l, err := r.lookup(ctx, sc, a.Object, "MONITOR")
	if err != nil {
		return nil, err
	}
	answer := func(s Status) (*result.Result, error) {
		return cell("SPCS_WAIT_FOR", fmt.Sprintf("Job %s has status %s.", fullName(j), s)), nil
	}
	if l == nil || Status(j.Status).Final() {
		return answer(Status(j.Status))
	}
	reached := l.done
	if want == Running {
		reached = l.running
	}
	if isClosed(reached) || isClosed(l.done) {
		return answer(Status(l.record().Status))
	}
	over := make(chan struct{})
	stop := r.clock.AfterFunc(time.Duration(seconds*float64(time.Second)), func() { close(over) })
	defer stop()
	select {
	case <-reached:
	case <-l.done:
	case <-over:
		return nil, sqlerr.New(630, "57014", "Job %s did not reach the status %s within %s seconds: it is %s.", fullName(j), want, strconv.FormatFloat(seconds, 'f', -1, 64), l.record().Status)
	case <-ctx.Done():
		return nil, sqlerr.Canceled()
	case <-r.ctx.Done():
		return nil, sqlerr.Internal(errClosed)
	}
	return answer(Status(l.record().Status))
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, !math.IsNaN(v)
	case string:
		f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		return f, err == nil
	}
	return 0, false
}

func (r *Room) cancelJob(ctx context.Context, sc *statement.Context, a statement.Args) (*result.Result, error) {
	j, l, err := r.lookup(ctx, sc, a.Object, "OPERATE")
	if err != nil {
		return nil, err
	}
	if l == nil {
		return cell("SPCS_CANCEL_JOB", fmt.Sprintf("Job %s has ended already with status %s.", fullName(j), j.Status)), nil
	}
	if err := r.cancel(ctx, j.ID, fmt.Sprintf("The job was cancelled by %s.", sc.User), false); err != nil {
		return nil, err
	}
	return cell("SPCS_CANCEL_JOB", fmt.Sprintf("Job %s is being cancelled.", fullName(j))), nil
}

var logColumns = []result.Column{
	{Name: "TIMESTAMP", Type: result.Type{Kind: result.TimestampNTZ, Scale: 9}, Nullable: true}, result.IntColumn("INSTANCE_ID"), result.TextColumn("CONTAINER_NAME"),
	result.TextColumn("LOG"), result.VariantColumn("RECORD_ATTRIBUTES"),
}

// getLogs is TABLE(job!SPCS_GET_LOGS(START_TIME =>, END_TIME =>)): every line of every instance. Snowflake looks one day back where no start is
// given; here all is kept as long as the job's record.
func (r *Room) getLogs(ctx context.Context, sc *statement.Context, a statement.Args) (*result.Result, error) {
	since, err := argTime(a, "START_TIME", 0)
	if err != nil {
		return nil, err
	}
	until, err := argTime(a, "END_TIME", 1)
	if err != nil {
		return nil, err
	}
	j, _, err := r.lookup(ctx, sc, a.Object, "MONITOR")
	if err != nil {
		return nil, err
	}
	out := &result.Result{Columns: logColumns, Type: result.TypeSelect}
	attributes := map[byte]json.RawMessage{'o': json.RawMessage(`{"log.iostream":"stdout"}`), 'e': json.RawMessage(`{"log.iostream":"stderr"}`)}
	for i := range max(j.Granted, 1) {
		ls, err := r.lines(ctx, j.ID, i, -1, since, until)
		if err != nil {
			return nil, sqlerr.Internal(err)
		}
		for _, l := range ls {
			out.Rows = append(out.Rows, []any{l.at, int64(i), container, strings.ToValidUTF8(l.text, "�"), attributes[l.stream]})
		}
	}
	return out, nil
}

func argTime(a statement.Args, name string, place int) (time.Time, error) {
	v, ok := a.Named[name]
	if !ok && place >= 0 && place < len(a.Positional) {
		v, ok = a.Positional[place], true
	}
	if !ok {
		return time.Time{}, nil
	}
	switch v := v.(type) {
	case nil:
		return time.Time{}, nil
	case time.Time:
		return v, nil
	case string:
		for _, f := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999 -0700", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02"} {
			if t, err := time.Parse(f, strings.TrimSpace(v)); err == nil {
				return t, nil
			}
		}
	}
	return time.Time{}, sqlerr.Invalid("%s: '%v' is no timestamp.", name, v)
}

// serviceLogs is SYSTEM$GET_SERVICE_LOGS(name, instance, container [, lines [, previous [, since [, stamps]]]]): the log as one text.
func (r *Room) serviceLogs(ctx context.Context, sc *statement.Context, a statement.Args) (*result.Result, error) {
	if n := len(a.Positional); n < 3 || n > 7 {
		return nil, sqlerr.Compilation(938, "22023", "wrong number of arguments for function [SYSTEM$GET_SERVICE_LOGS], expected 3 to 7, got %d", n)
	}
	j, l, err := r.lookupText(ctx, sc, a.String(0), "MONITOR")
	if err != nil {
		return nil, err
	}
	index, ok := number(a.Positional[1])
	if !ok || index < 0 || index != math.Trunc(index) || int(index) >= max(j.Target, j.Granted) {
		return nil, sqlerr.Invalid("Invalid instance id '%v': job %s has instances 0 to %d.", a.Positional[1], fullName(j), max(j.Target, j.Granted)-1)
	}
	if c := a.String(2); c != container {
		return nil, sqlerr.Invalid("Invalid container name '%s': job %s has the container %s.", c, fullName(j), container)
	}
	n := -1
	if len(a.Positional) > 3 && a.Positional[3] != nil {
		f, ok := number(a.Positional[3])
		if !ok || f < 0 || f > 1e9 {
			return nil, sqlerr.Invalid("Invalid number of lines '%v'.", a.Positional[3])
		}
		n = int(f)
	}
	if len(a.Positional) > 4 && truth(a.Positional[4]) {
		return nil, sqlerr.Invalid("There are no previous logs: the container of job %s was never restarted.", fullName(j))
	}
	var since time.Time
	if len(a.Positional) > 5 && a.Positional[5] != nil && a.Positional[5] != "" {
		if since, err = argTime(a, "since_timestamp", 5); err != nil {
			return nil, err
		}
	}
	ls, err := r.lines(ctx, j.ID, int(index), n, since, time.Time{})
	if err != nil {
		return nil, sqlerr.Internal(err)
	}
	if len(ls) == 0 && l != nil && Status(j.Status) == Pending {
		return nil, sqlerr.New(395023, "55000", "Logs of job %s are not there yet. Instance: %d, Container: %s, Container Status: PENDING. %s", fullName(j), int(index), container, r.cfg.Pools.Pending(j.ID))
	}
	return cell("SYSTEM$GET_SERVICE_LOGS", strings.ToValidUTF8(text(ls, len(a.Positional) > 6 && truth(a.Positional[6])), "�")), nil
}

func truth(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case string:
		return strings.EqualFold(v, "true")
	}
	return false
}

// serviceStatus is SYSTEM$GET_SERVICE_STATUS(name [, seconds]): a JSON array of the containers.
func (r *Room) serviceStatus(ctx context.Context, sc *statement.Context, a statement.Args) (*result.Result, error) {
	if n := len(a.Positional); n < 1 || n > 2 {
		return nil, sqlerr.Compilation(938, "22023", "wrong number of arguments for function [SYSTEM$GET_SERVICE_STATUS], expected 1 or 2, got %d", n)
	}
	j, l, err := r.lookupText(ctx, sc, a.String(0), "MONITOR")
	if err != nil {
		return nil, err
	}
	if len(a.Positional) == 2 && l != nil && Status(j.Status) == Pending {
		seconds, _ := number(a.Positional[1])
		over := make(chan struct{})
		stop := r.clock.AfterFunc(time.Duration(max(seconds, 0)*float64(time.Second)), func() { close(over) })
		select {
		case <-l.running:
		case <-l.done:
		case <-over:
		case <-ctx.Done():
			return nil, sqlerr.Canceled()
		}
		stop()
		j = l.record()
	}
	vs, err := r.views(ctx, j, l)
	if err != nil {
		return nil, err
	}
	sub, err := submission(j)
	if err != nil {
		return nil, err
	}
	type status struct {
		Status        string `json:"status"`
		Message       string `json:"message"`
		ContainerName string `json:"containerName"`
		InstanceID    string `json:"instanceId"`
		ServiceName   string `json:"serviceName"`
		Image         string `json:"image"`
		RestartCount  int    `json:"restartCount"`
		StartTime     string `json:"startTime"`
	}
	out := make([]status, len(vs))
	for i, v := range vs {
		out[i] = status{v.container, v.message, container, strconv.Itoa(v.index), j.Name, sub.Image, 0, stamp(v.started)}
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, sqlerr.Internal(err)
	}
	return cell("SYSTEM$GET_SERVICE_STATUS", string(b)), nil
}
