package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func openJobs(t testing.TB) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "firn.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestJobs(t *testing.T) {
	s, ctx := openJobs(t), t.Context()
	now := time.Unix(1700000000, 123).UTC()
	j := Job{Database: "D", Schema: "S", Name: "J", Status: "PENDING", Pool: "P", Owner: "R", User: "U", Request: "q", Target: 2, Min: 1, Submission: []byte(`{"a":1}`), Created: now}
	first, made, err := s.InsertJob(ctx, j)
	if err != nil || !made || first.ID == 0 {
		t.Fatal(first, made, err)
	}
	again, made, err := s.InsertJob(ctx, j)
	if err != nil || made || again.ID != first.ID || string(again.Submission) != `{"a":1}` || !again.Created.Equal(now) {
		t.Fatal(again, made, err)
	}
	other := j
	other.User = "V" // another user's request of the same id is another request, and the name is taken
	if _, _, err := s.InsertJob(ctx, other); !errors.Is(err, ErrExists) {
		t.Fatal(err)
	}
	other.Name = "K"
	if _, made, err = s.InsertJob(ctx, other); err != nil || !made {
		t.Fatal(err)
	}
	message := "done"
	if ok, err := s.ChangeJob(ctx, JobChange{ID: first.ID, From: []string{"RUNNING"}, To: "DONE"}); ok || err != nil {
		t.Fatal("a step from another status was made", err)
	}
	if ok, err := s.ChangeJob(ctx, JobChange{ID: first.ID, From: []string{"PENDING", "RUNNING"}, To: "DONE", Message: &message, Granted: 2, Completed: now, Instances: []JobInstance{{Index: 1, Started: now, Code: 3, Message: "m", CPUSeconds: 1.5}}}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	got, err := s.JobByName(ctx, "D", "S", "J")
	if err != nil || got.Status != "DONE" || got.Message != "done" || got.Granted != 2 || !got.Completed.Equal(now) || !got.Started.IsZero() {
		t.Fatal(got, err)
	}
	if is, err := s.InstancesOf(ctx, []int64{first.ID, 99}); err != nil || len(is) != 1 || is[first.ID][0].Code != 3 || is[first.ID][0].CPUSeconds != 1.5 {
		t.Fatal(is, err)
	}
	if open, err := s.OpenJobs(ctx); err != nil || len(open) != 1 || open[0].Name != "K" {
		t.Fatal(open, err)
	}
	if ok, err := s.ChangeJob(ctx, JobChange{ID: first.ID, From: []string{"DONE"}, To: "DELETED", Deleted: now}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if _, err := s.JobByName(ctx, "D", "S", "J"); !errors.Is(err, ErrMissing) {
		t.Fatal(err)
	}
	j.Request = "q2" // a dropped job's name is free
	if _, made, err := s.InsertJob(ctx, j); err != nil || !made {
		t.Fatal(err)
	}
	if all, err := s.Jobs(ctx, JobFilter{Owner: "R", Database: "D"}); err != nil || len(all) != 3 || all[0].ID < all[2].ID {
		t.Fatal(all, err)
	}
	if live, err := s.Jobs(ctx, JobFilter{Live: true, Limit: 1, Pool: "P", Since: now, Until: now}); err != nil || len(live) != 1 {
		t.Fatal(live, err)
	}
}

// TestShare: writes that share a commit fail alone.
func TestShare(t *testing.T) {
	s := openJobs(t)
	bad := errors.New("bad")
	var wg sync.WaitGroup
	for i := range 400 {
		wg.Go(func() {
			err := s.share(context.Background(), func(tx *sql.Tx) error {
				if _, err := tx.Exec("INSERT INTO counter (name, value) VALUES (?, ?)", fmt.Sprintf("share%d", i), i); err != nil {
					return err
				}
				if i%3 == 0 {
					return bad
				}
				return nil
			})
			if (i%3 == 0) != errors.Is(err, bad) || i%3 != 0 && err != nil {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
	var n int
	if err := s.r.QueryRow("SELECT count(*) FROM counter WHERE name LIKE 'share%' AND value % 3 <> 0").Scan(&n); err != nil || n != 266 {
		t.Errorf("%d rows, %v", n, err)
	}
	if err := s.r.QueryRow("SELECT count(*) FROM counter WHERE name LIKE 'share%'").Scan(&n); err != nil || n != 266 {
		t.Errorf("%d rows with those that failed, %v", n, err)
	}
}
