package statement

// Need is one privilege that a statement asks of its role: Privilege in Snowflake's words ("USAGE", "READ", "CREATE STAGE",
// "OWNERSHIP"), Kind of the object ("ACCOUNT", "DATABASE", "SCHEMA", "STAGE", "TABLE", "WAREHOUSE", "COMPUTE POOL", …) and its name
// as exact parts: none for the account, one for account objects, up to three for others. Missing leading parts are the session's
// current database and schema.
type Need struct {
	Privilege, Kind string
	Name            []string
}
