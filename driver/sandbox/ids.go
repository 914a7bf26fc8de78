package sandbox

import (
	"errors"
	"sync"

	"firn/driver/sandbox/plan"
)

// The host's ids that instances get, as root: far above those of people and of the usual /etc/subuid.
const (
	firstUID   = 1 << 20
	slots      = 60000
	parentUID  = 1 << 19 // warm parents: one id each
	parentUIDs = 1 << 16
)

// ids gives each live instance a uid range of its own.
type ids struct {
	mu   sync.Mutex
	next int
	used map[int]string // slot → instance; those that have ended are found out when the slot's turn comes
}

func (x *ids) take(id string, live func(string) bool) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.used == nil {
		x.used = map[int]string{}
	}
	for range slots {
		s := x.next
		x.next = (x.next + 1) % slots
		if owner, ok := x.used[s]; ok && live(owner) {
			continue
		}
		x.used[s] = id
		return firstUID + s*plan.Range, nil
	}
	return 0, errors.New("sandbox: every uid range is in use")
}

// claim marks the range of an instance that an earlier server started.
func (x *ids) claim(uid int, id string) {
	if uid < firstUID {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.used == nil {
		x.used = map[int]string{}
	}
	x.used[(uid-firstUID)/plan.Range] = id
}

func (x *ids) free(uid int, id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if s := (uid - firstUID) / plan.Range; uid >= firstUID && x.used[s] == id {
		delete(x.used, s)
	}
}
