"""Bad input: Snowflake's numbers and words, at HTTP 200, and nothing half-made."""

import json
import os
import urllib.request
import uuid

import snowflake.connector
from firn_client import connect, error, parameters

with error(250001, "Incorrect username or password"):
    try:
        connect(password="wrong")
    except snowflake.connector.errors.DatabaseError as e:
        assert e.errno in (250001, 390100), e.errno
        e.errno = 250001
        raise
c = connect()
cur = c.cursor()
with error(1003, "syntax error line 1 at position 0 unexpected 'selec'"):
    cur.execute("selec 1")
with error(1003, "syntax error line 2"):
    cur.execute("select 1\nfrom from x")
with error(900, ""):
    cur.execute("/* nothing */ ;")
with error(2003, "Object 'NO_SUCH' does not exist or not authorized"):
    cur.execute("select * from no_such")
with error(904, "invalid identifier 'NOPE'"):
    cur.execute("select nope from (select 1 as a)")
with error(2140, "unknown function"):
    cur.execute("select no_such_function(1)")
with error(2143, "unknown table function"):
    cur.execute("select * from table(no_such_function(1))")
with error(100051, "Division by zero"):
    cur.execute("select 1 / 0").fetchall()
with error(2043, ""):
    cur.execute("use schema no_such_schema")
with error(2003, "does not exist"):
    cur.execute("create table no_such_db.s.t (a int)")
cur.execute("create or replace table dup (a int not null)")
with error(2002, "already exists"):
    cur.execute("create table dup (a int)")
with error(100072, "NULL result in a non-nullable column"):
    cur.execute("insert into dup values (null)")
assert cur.execute("select count(*) from dup").fetchone() == (0,)
with error(2003, "does not exist"):
    cur.execute("describe service no_such_job")
with error(2003, "does not exist"):
    cur.execute("call no_such_job!spcs_cancel_job()")
spec = json.dumps({"STAGE_PATH": "@no_such_stage/x", "ARGS": ["true"], "ENV_VARS": {}})
cur.execute("create stage if not exists REFUSALS")
with error(2003, "NO_SUCH_POOL"):
    cur.execute("call system$execute_ml_job('J_', 'NO_SUCH_POOL', '%s', '{}')" % spec.replace("no_such_stage", "refusals"))
with error(2003, "NO_SUCH_STAGE"):
    cur.execute("call system$execute_ml_job('J_', 'SYSTEM_COMPUTE_POOL_CPU', '%s', '{}')" % spec)
for bad in ("not json", "{}", '{"STAGE_PATH": 1}', "[]"):
    try:
        cur.execute("call system$execute_ml_job('J_', 'SYSTEM_COMPUTE_POOL_CPU', %s, '{}')" % repr(bad))
    except snowflake.connector.errors.ProgrammingError as e:
        assert e.errno not in (None, 603), (bad, e)
    else:
        raise AssertionError(bad)
for deep in ("select " + "(" * 20000 + "1" + ")" * 20000, "select " + "-" * 9 + " 1 +" * 5, "select '", 'select "', "select $$", "\x00", "select 1 from (" * 3000):
    try:
        cur.execute(deep)
    except snowflake.connector.errors.Error as e:
        assert e.errno not in (None, 603), (deep[:30], e)

def raw(path, body, headers=None):
    """A request that no client would send must not break anything."""
    request = urllib.request.Request(os.environ["FIRN_URL"] + path, data=body, headers={"Content-Type": "application/json", **(headers or {})}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status
    except urllib.error.HTTPError as e:
        return e.code

for path in ("/session/v1/login-request", "/queries/v1/query-request?requestId=" + str(uuid.uuid4()), "/session/token-request", "/queries/v1/abort-request", "/session/heartbeat"):
    for body in (b"", b"{", b"[]", b'{"data": 1}', b"null", b"\xff\xfe", b'{"sqlText": 5}'):
        status = raw(path, body)
        assert status < 500, (path, body, status)
    assert raw(path, b"{}", {"Content-Encoding": "gzip"}) < 500
assert raw("/no/such/path", b"{}") in (404, 405)
assert cur.execute("select 1").fetchone() == (1,)
c.close()
print("ok")
