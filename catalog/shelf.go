package catalog

import (
	"sort"

	"firn/store"
)

// object is one stage or file format. Temporary ones are in memory only, and end with their session.
type object struct {
	store.SchemaObject
	session int64  // of a temporary object, 0 else
	dir     string // a stage's directory name
}

type shelfKey struct {
	schemaID int64
	name     string
}

// shelf holds the objects of one kind. A session's temporary object hides the permanent one of the same name.
type shelf struct {
	kind, word string // "FILE FORMAT", "File format"
	named      map[shelfKey]*object
	temp       map[int64]map[shelfKey]*object
}

func newShelf(kind, word string) shelf {
	return shelf{kind: kind, word: word, named: map[shelfKey]*object{}, temp: map[int64]map[shelfKey]*object{}}
}

func (s *shelf) get(session, schemaID int64, name string) *object {
	k := shelfKey{schemaID, name}
	if o := s.temp[session][k]; o != nil {
		return o
	}
	return s.named[k]
}

func (s *shelf) put(o *object) {
	k := shelfKey{o.SchemaID, o.Name}
	if o.session == 0 {
		s.named[k] = o
		return
	}
	if s.temp[o.session] == nil {
		s.temp[o.session] = map[shelfKey]*object{}
	}
	s.temp[o.session][k] = o
}

func (s *shelf) remove(o *object) {
	k := shelfKey{o.SchemaID, o.Name}
	if o.session == 0 {
		delete(s.named, k)
		return
	}
	delete(s.temp[o.session], k)
}

// all are the permanent objects and the session's own, by name.
func (s *shelf) all(session int64) []*object {
	all := make([]*object, 0, len(s.named)+len(s.temp[session]))
	for k, o := range s.named {
		if s.temp[session][k] == nil {
			all = append(all, o)
		}
	}
	for _, o := range s.temp[session] {
		all = append(all, o)
	}
	sort.Slice(all, func(i, j int) bool {
		if all[i].Name != all[j].Name {
			return all[i].Name < all[j].Name
		}
		return all[i].ID < all[j].ID
	})
	return all
}
