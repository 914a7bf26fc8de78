"""One write sent twice under one requestId, as clients do when a reply was lost. `before` sends and keeps what it needs in the
file that is named; `after` sends the same again, to a server that was killed in between."""

import json
import os
import pathlib
import sys
import uuid

import urllib.request

from firn_client import connect

step, state = sys.argv[1], pathlib.Path(sys.argv[2])
url = os.environ["FIRN_URL"]


def post(token, request, sql, **more):
    """A statement by hand: the reply's data, or the error's."""
    body = json.dumps({"sqlText": sql, "asyncExec": False, "sequenceId": 1, **more}).encode()
    r = urllib.request.Request(f"{url}/queries/v1/query-request?requestId={request}", data=body, method="POST",
                               headers={"Content-Type": "application/json", "Accept": "application/snowflake", "Authorization": f'Snowflake Token="{token}"'})
    with urllib.request.urlopen(r, timeout=60) as reply:
        assert reply.status == 200
        return json.loads(reply.read())


def rows(reply):
    assert reply["success"], reply
    return reply["data"]["rowset"], reply["data"].get("stats")


JOB = {"STAGE_PATH": "@RETRY_PAY/job", "ARGS": ["sleep", "600"], "ENV_VARS": {}}
STATEMENTS = {
    "insert": "insert into RETRIED values (1, 'once'), (2, 'once')",
    "update": "update RETRIED_U set A = A + 1",
    "merge": "merge into RETRIED_M t using (select 1 as K) s on t.K = s.K when matched then update set N = N + 1 when not matched then insert values (s.K, 1)",
    "delete": "delete from RETRIED_D where A in (select min(A) from RETRIED_D)",
    "create": "create table RETRIED_NEW (A int)",
    "ctas": "create table RETRIED_CTAS as select 1 as A",
    "drop": "drop table RETRIED_GONE",
    "stage": "create stage RETRIED_STAGE",
    "job": "call system$execute_ml_job('RETRIED_', 'SYSTEM_COMPUTE_POOL_CPU', '%s', '{\"GENERATE_SUFFIX\": true}')" % json.dumps(JOB),
}

if step == "before":
    c = connect()
    cur = c.cursor()
    for sql in ("create or replace table RETRIED (A int, B varchar)", "create or replace table RETRIED_U as select 1 as A", "create or replace table RETRIED_M (K int, N int)",
                "create or replace table RETRIED_D as select seq4() as A from table(generator(rowcount => 5))", "create or replace table RETRIED_GONE (A int)", "create or replace stage RETRY_PAY"):
        cur.execute(sql)
    pathlib.Path("run.sh").write_text("true\n")
    cur.execute(f"put file://{pathlib.Path('run.sh').resolve()} @RETRY_PAY/job auto_compress=false")
    kept = {"token": c.rest.token, "replies": {}}
    for name, sql in STATEMENTS.items():
        request = str(uuid.uuid4())
        first = post(kept["token"], request, sql)
        assert first["success"], (name, first)
        again = post(kept["token"], request, sql)
        assert rows(again) == rows(first) and again["data"]["queryId"] == first["data"]["queryId"], (name, first, again)
        kept["replies"][name] = [request, rows(first)]
    # One that failed is the same failure.
    request = str(uuid.uuid4())
    first = post(kept["token"], request, "insert into RETRIED values ('no number', 'x')")
    again = post(kept["token"], request, "insert into RETRIED values ('no number', 'x')")
    assert not first["success"] and first["code"] == again["code"] and first["message"] == again["message"], (first, again)
    state.write_text(json.dumps(kept))
else:
    kept = json.loads(state.read_text())
    for name, (request, answer) in kept["replies"].items():
        if name == "stage":  # done once, but after a restart of the server it is "already exists": only tables and jobs remember
            continue
        again = post(kept["token"], request, STATEMENTS[name])
        assert again["success"], (name, again)
        assert [*rows(again)] == answer, (name, answer, rows(again))
    c = connect()
    cur = c.cursor()

counts = {
    "select count(*) from RETRIED": 2, "select A from RETRIED_U": 2, "select N from RETRIED_M": 1, "select count(*) from RETRIED_D": 4, "select count(*) from RETRIED_CTAS": 1,
    "select count(*) from RETRIED_NEW": 0,
}
for sql, want in counts.items():
    assert cur.execute(sql).fetchall() == [(want,)], (sql, cur.execute(sql).fetchall())
assert len(cur.execute("show stages like 'RETRIED_STAGE'").fetchall()) == 1
found = cur.execute("show job services like 'RETRIED_%'").fetchall()
assert len(found) == 1, found
if step == "after":
    cur.execute(f"call {found[0][0]}!spcs_cancel_job()")
    cur.execute(f"call {found[0][0]}!spcs_wait_for('CANCELLED', 30)")
print("ok", flush=True)
if step == "before":
    os._exit(0)  # without the logout that the connector sends at its end: the session is needed again
