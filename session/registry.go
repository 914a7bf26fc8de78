package session

import (
	"fmt"

	"firn/statement"
)

// Registry holds the functions and procedures of all rooms by their upper-case names. It is filled while the server is put
// together and only read afterwards. The zero value is empty.
type Registry struct{ m map[string]statement.Function }

// Add takes functions; a name that is taken is an error.
func (r *Registry) Add(fs ...statement.Function) error {
	if r.m == nil {
		r.m = map[string]statement.Function{}
	}
	for _, f := range fs {
		if _, ok := r.m[f.Name]; ok {
			return fmt.Errorf("session: two functions are named %s", f.Name)
		}
		r.m[f.Name] = f
	}
	return nil
}

// Function finds a function. It makes Registry a statement.Functions.
func (r *Registry) Function(name string) (statement.Function, bool) {
	f, ok := r.m[name]
	return f, ok
}
