"""The main kinds of jobs, in little: for servers that run jobs another way. Argument: what must stand in SHOW COMPUTE POOLS, if anything."""

import logging
import pathlib
import sys

from snowflake.ml.jobs import list_jobs, remote, submit_file
from snowflake.snowpark import Session

logging.getLogger("snowflake").setLevel(logging.ERROR)
s = Session.builder.getOrCreate()
P = "SYSTEM_COMPUTE_POOL_CPU"
at = dict(stage_name="PAY", session=s)
SMALL = {"spec": {"containers": [{"name": "main", "resources": {"limits": {"memory": "700Mi"}}}]}}


@remote(P, **at)
def add(a, b=2): return a + b


@remote(P, **at)
def sessions(session: Session):
    import snowflake.connector
    from snowflake.snowpark.context import get_active_session
    session.sql("create or replace table FROM_JOB as select 7 as A").collect()
    assert get_active_session() is session
    with snowflake.connector.connect() as c:  # by connections.toml alone
        return c.cursor().execute("select A, current_role() from FROM_JOB").fetchone()


@remote(P, **at)
def raises(): return {}["missing"]


@remote(P, **at)
def ends(how):
    import os
    import signal
    if how == "sys.exit":
        sys.exit(3)
    os.kill(os.getpid(), signal.SIGKILL)


@remote(P, spec_overrides=SMALL, **at)
def greedy():
    blocks = []
    for _ in range(40):
        blocks.append(b"x" * (64 << 20))
    return len(blocks)


def failure(f, *args):
    try:
        value = f(*args).result(timeout=120)
    except RuntimeError as e:
        return str(e), e.__cause__
    raise AssertionError(f"no error but {value!r}")


assert add(40).result() == 42
assert list(sessions(s).result()) == [7, "ACCOUNTADMIN"]
text, cause = failure(raises)
assert isinstance(cause, KeyError), (text, cause)
assert "sys.exit(3)" in failure(ends, "sys.exit")[0]
assert "SIGKILL" in failure(ends, "SIGKILL")[0]
here = pathlib.Path("work")
here.mkdir()
(here / "one.py").write_text("import sys, tempfile\nprint('args', sys.argv[1:])\nwith tempfile.TemporaryFile() as f:\n    f.write(b'x')\n__return__ = sys.argv[1:]\n")
job = submit_file(str(here / "one.py"), P, args=["a b", "-c"], **at)
assert job.result() == ["a b", "-c"] and "args" in job.get_logs(), job.get_logs()
(here / "long.py").write_text("import time\nprint('running', flush=True)\ntime.sleep(600)\n")
job = submit_file(str(here / "long.py"), P, **at)
s.sql(f"call {job.id}!spcs_wait_for('RUNNING', 60)").collect()
job.cancel()
assert job.wait(timeout=60) == "CANCELLED", job.status
assert len(list_jobs(session=s)) >= 7
unenforced = s.sql("show compute pools").collect()[0]["comment"] or ""
if len(sys.argv) > 1:
    assert "not enforced here" in unenforced and sys.argv[1] in unenforced, unenforced
if "no limit is enforced" not in unenforced:
    text, cause = failure(greedy)
    assert isinstance(cause, MemoryError), (text, cause)
print(unenforced)
s.close()
print("ok")
