package statement

import "time"

// Login is what a client offers to prove who it is (client-protocol.md §1.2).
type Login struct {
	Account       string
	User          string // LOGIN_NAME; "" for tokens that name their user
	Password      string
	Authenticator string // upper case; "" or SNOWFLAKE: password; SNOWFLAKE_JWT, OAUTH, PROGRAMMATIC_ACCESS_TOKEN
	Token         string
	Role          string // asked for by the client, as written; "" = the user's default
}

// Identity is who has logged in. Role is granted to User. Database, Schema and Warehouse are the user's defaults, "" if none;
// nobody has looked whether they exist.
type Identity struct {
	User, DisplayName           string
	Role                        string
	Database, Schema, Warehouse string
	Job                         string    // the job whose token this was; "" for people
	Expires                     time.Time // of the token that was shown; zero = never. A job's session outlives it.
}
