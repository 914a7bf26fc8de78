-- +goose Up
-- A client's login. context is what its statements run with; until is when it ends unless it is used before. Ids are never given twice.
CREATE TABLE session (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user       TEXT NOT NULL,
    role       TEXT NOT NULL,
    database   TEXT NOT NULL,
    schema     TEXT NOT NULL,
    warehouse  TEXT NOT NULL,
    job        TEXT NOT NULL,    -- id of the job whose session it is
    client     TEXT NOT NULL,    -- CLIENT_APP_ID
    version    TEXT NOT NULL,    -- CLIENT_APP_VERSION
    parameters TEXT NOT NULL,    -- JSON object: those that were set
    variables  TEXT NOT NULL,    -- JSON array: SET's
    created    INTEGER NOT NULL, -- ms since 1970
    until      INTEGER NOT NULL
) STRICT;
CREATE INDEX session_until ON session (until);
-- Tokens by the SHA-256 of their text; the text itself is only the client's.
CREATE TABLE session_token (
    hash    BLOB PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    master  INTEGER NOT NULL,    -- 1: renews; lives as long as the session
    expires INTEGER NOT NULL     -- ms since 1970
) STRICT, WITHOUT ROWID;
CREATE INDEX session_token_session ON session_token (session);
