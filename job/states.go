package job

import (
	"fmt"
	"slices"
	"strings"
)

// Status is where a job stands, in Snowflake's words (snowflake/ml/jobs/_utils/type_utils.py: JOB_STATUS).
type Status string

// The statuses. The last five are final, DELETED after any of them.
const (
	Pending       Status = "PENDING"
	Running       Status = "RUNNING"
	Cancelling    Status = "CANCELLING"
	Done          Status = "DONE"
	Failed        Status = "FAILED"
	Cancelled     Status = "CANCELLED"
	InternalError Status = "INTERNAL_ERROR"
	Deleted       Status = "DELETED"
)

// Final says whether nothing runs any more.
func (s Status) Final() bool { return s != Pending && s != Running && s != Cancelling }

// transition is one step of a job's life: an event takes it From one status To another. Each is one transaction in the store.
type transition struct {
	From, To Status
	Event    event
	By       string // who causes it
	Writes   string // what is written, beside the status, before anyone is told
}

type event string

const (
	evSubmit   event = "submitted"
	evPlace    event = "placed"
	evStart    event = "started"
	evSucceed  event = "succeeded"
	evFail     event = "failed"
	evBreak    event = "broken"
	evCancel   event = "cancel asked"
	evStopped  event = "stopped"
	evDrop     event = "dropped"
	evDropStop event = "dropped and stopped"
)

// transitions is the state machine: what is not here does not happen. docs/job-states.md shows it.
var transitions = []transition{
	{"", Pending, evSubmit, "SYSTEM$EXECUTE_ML_JOB", "the whole submission, with the client's requestId"},
	{Pending, Pending, evPlace, "the supervisor, when the pool grants places for several instances", "number of instances, so that a crash does not change it"},
	{Pending, Running, evStart, "the supervisor, when every granted instance has started", "started time, number of instances"},
	{Pending, Failed, evFail, "the supervisor: no environment, unmet requirements, or the pool is gone", "result file with the reason, message, completed time"},
	{Pending, InternalError, evBreak, "the supervisor: the server could not start it", "result file with the reason, message, completed time"},
	{Pending, Cancelling, evCancel, "spcs_cancel_job, ALTER COMPUTE POOL … STOP ALL, DROP SERVICE", "who asked; with DROP the deleted time"},
	{Running, Done, evSucceed, "instance 0's exit with 0; with parallel=True that of all instances", "each instance's exit, message, completed time"},
	{Running, Failed, evFail, "an exit with another code, a kill, or a lost instance", "result file with the reason if the payload left none, each instance's exit, message, completed time"},
	{Running, InternalError, evBreak, "the supervisor: the driver cannot say what became of it", "result file with the reason, message, completed time"},
	{Running, Cancelling, evCancel, "spcs_cancel_job, ALTER COMPUTE POOL … STOP ALL, DROP SERVICE", "who asked; with DROP the deleted time"},
	{Cancelling, Cancelled, evStopped, "the supervisor, when every instance has ended", "result file with the reason, each instance's exit, completed time"},
	{Cancelling, Deleted, evDropStop, "the supervisor, when every instance of a dropped job has ended", "each instance's exit, completed time"},
	{Cancelling, Cancelling, evDrop, "DROP SERVICE of a job that is being cancelled", "deleted time"},
	{Done, Deleted, evDrop, "DROP SERVICE", "deleted time; log and instances' files go, the record stays"},
	{Failed, Deleted, evDrop, "DROP SERVICE", "deleted time; log and instances' files go, the record stays"},
	{Cancelled, Deleted, evDrop, "DROP SERVICE", "deleted time; log and instances' files go, the record stays"},
	{InternalError, Deleted, evDrop, "DROP SERVICE", "deleted time; log and instances' files go, the record stays"},
}

// from gives the statuses from which an event leads to a status, as the store's guard takes them.
func from(e event, to Status) []string {
	var ss []string
	for _, t := range transitions {
		if t.Event == e && t.To == to {
			ss = append(ss, string(t.From))
		}
	}
	if len(ss) == 0 {
		panic(fmt.Sprintf("job: no transition %q to %s", e, to)) // a mistake in this package, found by its first test
	}
	return ss
}

// statesPage is docs/job-states.md.
func statesPage() string {
	var b strings.Builder
	b.WriteString("# A job's states\n\nWritten by the tests of `job` from the table in `job/states.go`; the code has no other transitions. " +
		"Each step is one transaction in the store, guarded by the status it leaves, and is written before anybody is told of it.\n\n")
	b.WriteString("```mermaid\nstateDiagram-v2\n")
	for _, t := range transitions {
		f := string(t.From)
		if f == "" {
			f = "[*]"
		}
		fmt.Fprintf(&b, "    %s --> %s: %s\n", f, t.To, t.Event)
	}
	b.WriteString("```\n\n| from | to | event | by | written with it |\n|---|---|---|---|---|\n")
	for _, t := range transitions {
		f := string(t.From)
		if f == "" {
			f = "–"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", f, t.To, t.Event, t.By, t.Writes)
	}
	finals := []string{}
	for _, t := range transitions {
		if t.To.Final() && !slices.Contains(finals, string(t.To)) {
			finals = append(finals, string(t.To))
		}
	}
	slices.Sort(finals)
	fmt.Fprintf(&b, "\nFinal: %s.\n", strings.Join(finals, ", "))
	b.WriteString(`
## After a crash

The next server asks the driver which instances there are and puts every job that is not final right:

| found | done |
|---|---|
| PENDING, no instance | queued again, in the order of submission |
| PENDING, instances | the crash fell between the start and its record: counted as started; instances of the gang that are missing are started |
| RUNNING, instance runs | waited for |
| RUNNING, instance ended | settled by its recorded exit |
| RUNNING, instance unknown | FAILED: lost |
| CANCELLING | stopped again, then CANCELLED, or DELETED if it was dropped |
| an instance of no job, or of a dropped one | stopped and removed |

The result file is written before the status, and settling twice finds it there: a job never ends twice, and none is run twice.
`)
	return b.String()
}
