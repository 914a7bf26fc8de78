-- +goose Up
-- Facts of the account that have one value: keys that sign URLs, the account's name.
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
-- Numbers that are given out once: ids of objects, sessions.
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
