-- +goose Up
-- Who may log in. settings is a JSON object of DISPLAY_NAME, EMAIL, DEFAULT_ROLE, RSA_PUBLIC_KEY … as SQL set them.
CREATE TABLE account_user (
  name TEXT PRIMARY KEY,
  login_name TEXT NOT NULL UNIQUE,
  password TEXT NOT NULL, -- argon2id, '' = none
  settings TEXT NOT NULL,
  owner TEXT NOT NULL,
  created INTEGER NOT NULL, -- µs since 1970, as every time here
  last_login INTEGER NOT NULL
) STRICT;

CREATE TABLE account_role (
  name TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  comment TEXT NOT NULL,
  created INTEGER NOT NULL
) STRICT;

-- object is the key of the thing granted on: '' the account, NAME an account object, '#7' a database or schema by its id in the
-- name tree, '7/NAME' an object in schema 7. name is for people.
CREATE TABLE account_grant (
  privilege TEXT NOT NULL,
  kind TEXT NOT NULL,
  object TEXT NOT NULL,
  name TEXT NOT NULL,
  grantee_kind TEXT NOT NULL, -- ROLE, USER
  grantee TEXT NOT NULL,
  grant_option INTEGER NOT NULL,
  granted_by TEXT NOT NULL,
  created INTEGER NOT NULL,
  PRIMARY KEY (grantee_kind, grantee, kind, object, privilege)
) STRICT, WITHOUT ROWID;

-- Only the SHA-256 of a token is kept.
CREATE TABLE account_token (
  hash BLOB PRIMARY KEY,
  kind TEXT NOT NULL, -- JOB, PAT
  name TEXT NOT NULL, -- of a programmatic access token
  user TEXT NOT NULL,
  role TEXT NOT NULL,
  job TEXT NOT NULL,
  expires INTEGER NOT NULL,
  created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX account_token_job ON account_token (job) WHERE job <> '';

CREATE TABLE virtual_warehouse (
  name TEXT PRIMARY KEY,
  settings TEXT NOT NULL, -- JSON object
  owner TEXT NOT NULL,
  comment TEXT NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL
) STRICT;

-- Stages and file formats hang on a schema's id in the name tree; database and schema are its names when the row was made.
CREATE TABLE stage (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  schema_id INTEGER NOT NULL,
  database TEXT NOT NULL,
  schema TEXT NOT NULL,
  name TEXT NOT NULL,
  settings TEXT NOT NULL, -- JSON
  owner TEXT NOT NULL,
  comment TEXT NOT NULL,
  created INTEGER NOT NULL,
  UNIQUE (schema_id, name)
) STRICT;

-- Directories of stages that are gone: a row goes when its directory is gone.
CREATE TABLE stage_trash (dir TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

CREATE TABLE file_format (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  schema_id INTEGER NOT NULL,
  database TEXT NOT NULL,
  schema TEXT NOT NULL,
  name TEXT NOT NULL,
  settings TEXT NOT NULL, -- JSON
  owner TEXT NOT NULL,
  comment TEXT NOT NULL,
  created INTEGER NOT NULL,
  UNIQUE (schema_id, name)
) STRICT;
