package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"firn/driver"
	"firn/store"
)

// ending is how a job is to be settled. The zero ending is a cancel's.
type ending struct {
	to     Status
	event  event
	reason string       // in words, for the user
	memory bool         // it was for want of memory
	exit   *driver.Exit // the instance's that decided
}

// describeExit says in words how an instance ended.
func describeExit(e driver.Exit) string {
	switch {
	case e.OOM && e.Code != 0:
		if e.Reason != "" {
			return "killed: " + e.Reason
		}
		return "killed: out of memory"
	case e.Reason != "":
		return e.Reason
	case e.Signal != "":
		return "killed by " + e.Signal
	case e.Code == 0:
		return "Completed successfully"
	}
	return fmt.Sprintf("exit code %d", e.Code)
}

func (r *Room) failure(l *live, i, n int, e driver.Exit) ending {
	reason := "The job ended with " + describeExit(e)
	switch {
	case e.OOM, e.Signal != "" && e.Reason == "":
		reason = "The job was " + describeExit(e)
	case strings.HasPrefix(e.Reason, "killed"):
		reason = "The job was " + e.Reason
	case e.Reason != "":
		reason = "The job failed: " + e.Reason
	}
	if n > 1 {
		reason = fmt.Sprintf("%s (instance %d)", reason, i)
	}
	return ending{to: Failed, event: evFail, reason: reason, memory: e.OOM, exit: &e}
}

// settle records a job's end: first the result file if the payload left none, then the status, then whoever waits is told.
func (r *Room) settle(l *live, end ending) {
	if !l.step(r.ctx) {
		return
	}
	if isClosed(l.stop) {
		l.mu.Lock()
		end = ending{to: Cancelled, event: evStopped, reason: l.job.Message, exit: end.exit}
		if !l.job.Deleted.IsZero() {
			end.to, end.event = Deleted, evDropStop
		}
		l.mu.Unlock()
	}
	if end.to != Deleted {
		if err := r.leaveResult(l, end); err != nil {
			r.log.Error("job: result file", "job", l.id, "error", err)
			r.say(l.id, "the result file could not be written: "+errText(err))
		}
	}
	message := r.message(l, end)
	err := r.change(l, store.JobChange{ID: l.id, From: from(end.event, end.to), To: string(end.to), Message: &message, Completed: r.clock.Now(), Instances: l.rows()})
	l.stepped()
	if err != nil {
		return // the next server settles it
	}
	r.mu.Lock()
	delete(r.live, l.id)
	r.mu.Unlock()
	close(l.done)
	l.mark(r, "recorded")
	r.log.Debug("job: ended", append([]any{"job", l.id, "status", end.to}, l.marks...)...)
	r.clean(l.record())
}

// rows are the instances as they are recorded.
func (l *live) rows() []store.JobInstance {
	l.mu.Lock()
	defer l.mu.Unlock()
	var rows []store.JobInstance
	for i, x := range l.instances {
		if !x.started.IsZero() {
			rows = append(rows, store.JobInstance{Index: i, Started: x.started, Ended: x.ended, Code: x.code, Message: x.message, CPUSeconds: x.cpu, MemPeak: x.peak})
		}
	}
	return rows
}

// clean removes what an ended job needs no more. A dropped one leaves its record only.
func (r *Room) clean(j store.Job) {
	if err := r.cfg.Tokens.RevokeJob(r.ctx, strconv.FormatInt(j.ID, 10)); err != nil && r.ctx.Err() == nil {
		r.log.Error("job: revoke tokens", "job", j.ID, "error", err)
	}
	gone := filepath.Join(r.dir(j.ID), "files")
	if Status(j.Status) == Deleted {
		for i := range max(j.Granted, 1) {
			if err := r.cfg.Driver.Remove(r.ctx, instanceID(j.ID, i)); err != nil && !errors.Is(err, driver.ErrUnknown) && r.ctx.Err() == nil {
				r.log.Error("job: remove", "job", j.ID, "instance", i, "error", err)
			}
		}
		gone = r.dir(j.ID)
	}
	if err := os.RemoveAll(gone); err != nil {
		r.log.Error("job: files", "job", j.ID, "error", err)
	}
	os.Remove(r.dir(j.ID)) // unless the server's lines of the log are in it
}

// message is the job's status message: what happened, and of a failed job the last lines it wrote.
func (r *Room) message(l *live, end ending) string {
	if end.to == Done {
		if end.exit != nil && end.exit.OOM {
			return "Job completed successfully, though one of its processes was killed: out of memory."
		}
		return "Job completed successfully."
	}
	m := end.reason
	if end.to == Failed && end.exit != nil {
		if t := r.lastLines(l.id, 5); t != "" {
			m += "\nThe last lines of its log:\n" + t
		}
	}
	return m
}

// resultJSON is the file that every client version reads (client: jobs/_interop), in the form of a failure.
type resultJSON struct {
	Kind     string `json:"kind"`
	Success  bool   `json:"success"`
	Value    any    `json:"value"`
	Protocol any    `json:"protocol"`
	Metadata struct {
		Type      string `json:"type"`
		Repr      string `json:"repr"`
		Message   string `json:"message"`
		Traceback string `json:"traceback"`
	} `json:"metadata"`
}

// leaveResult writes the result file of a job whose payload left none, so that the client's result() says why. What lies in the directory is
// the job's, so it is hostile: everything goes through os.Root.
func (r *Room) leaveResult(l *live, end ending) error {
	_, ours := l.sub.command()
	if end.to == Done && !ours { // a command has no result
		return nil
	}
	tree, dir, err := r.stageDir(context.WithoutCancel(r.ctx), l)
	if err != nil {
		return err
	}
	stage, err := openBelow(tree, dir)
	if err != nil {
		return err
	}
	defer stage.Close()
	name := resultDir(l.record().Name)
	if err := stage.Mkdir(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	root, err := enterDir(stage, name)
	if err != nil {
		return err
	}
	defer root.Close()
	if info, err := root.Lstat(resultFile); err == nil && info.Mode().IsRegular() {
		return nil
	}
	var f resultJSON
	f.Kind = "result"
	reason := end.reason
	if end.to == Done {
		reason = "The job's process ended with exit code 0 before it left a result."
	}
	f.Metadata.Type, f.Metadata.Message = "builtins.RuntimeError", reason
	if end.memory {
		f.Metadata.Type = "builtins.MemoryError"
	}
	f.Metadata.Repr = fmt.Sprintf("%s(%s)", strings.TrimPrefix(f.Metadata.Type, "builtins."), pyString(reason))
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	tmp := ".firn-result-" + suffix()
	w, err := root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	if err = errors.Join(err, w.Sync(), w.Close()); err == nil {
		err = root.Rename(tmp, resultFile)
	}
	if err != nil {
		root.Remove(tmp)
	}
	return err
}

// pyString is a Python string literal.
func pyString(s string) string {
	r := strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", `\n`, "\r", `\r`, "\t", `\t`)
	return "'" + r.Replace(s) + "'"
}

// makeResultDir makes the folder of a job's results in its stage path. With fresh nothing of the job has run: what a dropped job of the same
// name left there is not its result.
func makeResultDir(tree, stage, name string, fresh bool) error {
	root, err := openBelow(tree, stage)
	if err != nil {
		return err
	}
	defer root.Close()
	if err = root.Mkdir(name, 0o755); !errors.Is(err, fs.ErrExist) {
		return err
	}
	results, err := enterDir(root, name) // a link is the work of another job of the definition
	if err != nil {
		return err
	}
	defer results.Close()
	if !fresh {
		return nil
	}
	return errors.Join(results.RemoveAll(resultFile), results.RemoveAll("instances"))
}

// readSmall is a file's text, "" if it is not there; at most 1 MiB.
func readSmall(root *os.Root, name string) (string, error) {
	f, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", &os.PathError{Op: "read", Path: name, Err: errors.New("it is no file")}
	}
	b, err := io.ReadAll(io.LimitReader(f, 1<<20+1))
	if err == nil && len(b) > 1<<20 {
		err = &os.PathError{Op: "read", Path: name, Err: errors.New("it is larger than 1 MiB")}
	}
	return string(b), err
}
