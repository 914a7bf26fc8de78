-- +goose Up
-- Times are Unix nanoseconds, 0 where there is none.

-- Compute pools. Nodes, reservations and queue live in memory: they follow from the jobs.
CREATE TABLE compute_pool (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL UNIQUE,
	family TEXT NOT NULL,
	min_nodes INTEGER NOT NULL,
	max_nodes INTEGER NOT NULL,
	auto_resume INTEGER NOT NULL,
	auto_suspend_secs INTEGER NOT NULL,
	suspended INTEGER NOT NULL,
	owner TEXT NOT NULL,
	comment TEXT,
	created INTEGER NOT NULL,
	resumed INTEGER NOT NULL,
	updated INTEGER NOT NULL
) STRICT;

-- Jobs: names as text, since a job's record outlives its database. submission is the job room's own JSON.
CREATE TABLE job (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	database_name TEXT NOT NULL,
	schema_name TEXT NOT NULL,
	name TEXT NOT NULL,
	status TEXT NOT NULL,
	message TEXT NOT NULL,
	pool TEXT NOT NULL,
	owner TEXT NOT NULL,
	user TEXT NOT NULL,
	query TEXT NOT NULL,
	request TEXT NOT NULL,
	target INTEGER NOT NULL,
	min_instances INTEGER NOT NULL,
	granted INTEGER NOT NULL,
	submission TEXT NOT NULL,
	created INTEGER NOT NULL,
	updated INTEGER NOT NULL,
	started INTEGER NOT NULL,
	completed INTEGER NOT NULL,
	deleted INTEGER NOT NULL
) STRICT;
-- A name is free again once the job is dropped.
CREATE UNIQUE INDEX job_name ON job (database_name, schema_name, name) WHERE deleted = 0;
-- A client's retry of the statement that made the job finds it.
CREATE UNIQUE INDEX job_request ON job (user, request) WHERE request <> '';
CREATE INDEX job_open ON job (id) WHERE status IN ('PENDING', 'RUNNING', 'CANCELLING');
CREATE INDEX job_owner ON job (owner, id);

CREATE TABLE job_instance (
	job INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
	idx INTEGER NOT NULL,
	started INTEGER NOT NULL,
	ended INTEGER NOT NULL,
	code INTEGER NOT NULL,
	message TEXT NOT NULL,
	cpu_seconds REAL NOT NULL,
	mem_peak INTEGER NOT NULL,
	PRIMARY KEY (job, idx)
) STRICT, WITHOUT ROWID;
