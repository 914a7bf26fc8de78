// Package integration tests Firn as its users meet it: the built programs, the real clients from the registry, real jobs in
// real sandboxes. scripts/ holds what runs in the clients' Python environments; each script asserts for itself.
package integration
