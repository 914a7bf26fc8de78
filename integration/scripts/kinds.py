"""Every kind of job the client can submit, and every kind of answer it can give."""

import logging
import pathlib
import sys

import numpy as np
import pandas as pd
from snowflake.ml import jobs
from snowflake.ml.jobs import remote, submit_directory, submit_file, submit_from_stage
from snowflake.snowpark import Session

logging.getLogger("snowflake").setLevel(logging.ERROR)
s = Session.builder.getOrCreate()
P = "SYSTEM_COMPUTE_POOL_CPU"
at = dict(stage_name="PAY", session=s)
OUTER = 41


class TwoArguments(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a}-{b}")
        self.a = a


@remote(P, **at)
def plain(): return 1


@remote(P, **at)
def keywords(a, b=2, *, c=3): return {"a": a, "b": b, "c": c}


@remote(P, **at)
def objects(df, arr): return float(df["x"].sum() + arr.sum())


@remote(P, **at)
def closure(): return OUTER + 1


@remote(P, **at)
def injected(session: Session, q):
    assert session is Session.builder.getOrCreate()
    return [type(session).__name__, q, session.sql("select current_role()").collect()[0][0]]


@remote(P, **at)
def own_session():
    from snowflake.snowpark.context import get_active_session
    session = get_active_session()
    session.sql("create or replace table FROM_JOB as select 7 as A").collect()
    return session.table("FROM_JOB").collect()[0][0]


@remote(P, **at)
def length(text): return len(text)


@remote(P, **at)
def frame(): return pd.DataFrame({"x": [1, 2], "s": ["a", None]})


@remote(P, **at)
def array(): return np.arange(5)


@remote(P, **at)
def arrow():
    import pyarrow
    return pyarrow.table({"a": [1]})


@remote(P, **at)
def mixed(): return ({1, 2}, (3,), b"x", {1: "a"})


@remote(P, **at)
def nothing(): return None


@remote(P, **at)
def raises(): return {}["missing"]


@remote(P, **at)
def raises_own(): raise TwoArguments(1, 2)


@remote(P, **at)
def holds_lock():
    import threading
    e = ValueError("holds a lock")
    e.lock = threading.Lock()
    raise e


@remote(P, **at)
def lock():
    import threading
    return threading.Lock()


@remote(P, **at)
def leaves(code):
    print("before", end="")
    sys.exit(code)


@remote(P, **at)
def dies():
    import os
    print("last words", flush=True)
    os._exit(7)


@remote(P, **at)
def killed():
    import os, signal
    os.kill(os.getpid(), signal.SIGKILL)


def failure(f, *args):
    """The client's error, and the exception of the job behind it."""
    job = f(*args)
    try:
        value = job.result()
    except RuntimeError as e:
        assert job.status == "FAILED", job.status
        return str(e), e.__cause__
    raise AssertionError(f"no error but {value!r}")


first = plain()
assert first.id.upper().startswith("FIRN.PUBLIC.PLAIN_"), first.id
assert first.result() == 1 and first.status == "DONE" and first.wait() == "DONE"
assert plain().result() == 1
assert keywords(1, c=9).result() == {"a": 1, "b": 2, "c": 9}
assert objects(pd.DataFrame({"x": [1, 2]}), np.arange(3)).result() == 6.0
assert closure().result() == 42
assert injected(s, "q").result() == ["Session", "q", "ACCOUNTADMIN"]
assert own_session().result() == 7 and s.table("FROM_JOB").collect()[0][0] == 7
assert length("x" * 1_500_000).result() == 1_500_000
pd.testing.assert_frame_equal(frame().result(), pd.DataFrame({"x": [1, 2], "s": ["a", None]}))
assert (array().result() == np.arange(5)).all()
assert arrow().result().to_pydict() == {"a": [1]}
assert mixed().result() == ({1, 2}, (3,), b"x", {1: "a"})
assert nothing().result() is None

text, cause = failure(raises)
assert isinstance(cause, KeyError) and "missing" in text, (text, cause)
text, cause = failure(raises_own)
assert isinstance(cause, TwoArguments) or "1-2" in text, (text, type(cause))
text, cause = failure(holds_lock)
assert "holds a lock" in text, text
try:
    lock().result()
    raise AssertionError("a lock came back")
except Exception as e:
    assert "pickle" in (str(e) + repr(e.__cause__)).lower(), (e, e.__cause__)
text, cause = failure(leaves, 3)
assert "sys.exit(3)" in text, text
assert leaves(0).result() is None
text, cause = failure(dies)
assert "7" in text and "exit" in text.lower(), text
text, cause = failure(killed)
assert "SIGKILL" in text or "signal 9" in text.lower(), text

here = pathlib.Path("work")
(here / "proj" / "pkg").mkdir(parents=True)
(here / "one.py").write_text("import sys\nprint('args', sys.argv[1:])\n__return__ = sys.argv[1:]\n")
(here / "proj" / "main.py").write_text("import sys\nfrom pkg.m import V\nprint(open('data.csv').read())\n__return__ = [V, *sys.argv[1:]]\n")
(here / "proj" / "data.csv").write_text("1,2\n")
(here / "proj" / "pkg" / "__init__.py").write_text("")
(here / "proj" / "pkg" / "m.py").write_text("V = 'package'\n")
(here / "helper_mod.py").write_text("def inc(x):\n    return x + 1\n")
args = ["--x", "1", "pos", "--y=2", "a'b\\c", "-h", "--", "--script", "zz", "ü \" $$"]
job = submit_file(str(here / "one.py"), P, args=args, **at)
assert job.result() == args, job.result()
assert "args" in job.get_logs() and "ML job started" not in job.get_logs(), job.get_logs()
assert "ML job started" in job.get_logs(verbose=True)
assert submit_directory(str(here / "proj"), P, entrypoint="main.py", args=["q"], **at).result() == ["package", "q"]
job = submit_directory(str(here / "proj"), P, entrypoint=["echo", "hello"], args=["you"], **at)
assert job.wait() == "DONE" and "hello you" in job.get_logs(), job.get_logs()
s.sql("create stage if not exists SRC").collect()
s.file.put(str(here / "one.py"), "@SRC/x", auto_compress=False, overwrite=True)
assert submit_from_stage("@SRC/x", P, entrypoint="one.py", args=["s"], **at).result() == ["s"]
job = submit_file(str(here / "one.py"), P, args=["1"], env_vars={"A": "1", "B": "two words"}, **at)
assert job.result() == ["1"]
(here / "env.py").write_text("import os\n__return__ = {k: os.environ.get(k) for k in ('A', 'SNOWFLAKE_SERVICE_NAME', 'SNOWFLAKE_JOBS_COUNT', 'SNOWFLAKE_JOB_INDEX', 'HOME')}\n")
job = submit_file(str(here / "env.py"), P, env_vars={"A": "1"}, **at)
env = job.result()
assert env["A"] == "1" and env["SNOWFLAKE_JOBS_COUNT"] == "1" and env["SNOWFLAKE_JOB_INDEX"] == "0", env
(here / "use.py").write_text("import helper_mod\n__return__ = helper_mod.inc(1)\n")
assert submit_file(str(here / "use.py"), P, imports=[(str(here / "helper_mod.py"), "helper_mod")], **at).result() == 2
(here / "broken.py").write_text("this is no python\n")
job = submit_file(str(here / "broken.py"), P, **at)
try:
    job.result()
    raise AssertionError("no error")
except RuntimeError as e:
    assert "SyntaxError" in str(e) or "syntax" in str(e).lower(), e

# managing: list, get, cancel, logs, delete
listed = jobs.list_jobs(limit=100, session=s)
assert len(listed) >= 29 and set(listed["status"]) <= {"DONE", "FAILED"}, listed.to_string()
assert list(listed.columns)[:3] == ["name", "status", "message"], listed.columns
again = jobs.get_job(first.id, session=s)
assert again.status == "DONE" and again.result() == 1 and again.target_instances == 1
(here / "long.py").write_text("import time\nprint('running', flush=True)\ntime.sleep(600)\n")
job = submit_file(str(here / "long.py"), P, **at)
try:
    job.wait(timeout=1)
    raise AssertionError("wait must time out")
except TimeoutError:
    pass
job.cancel()
assert job.wait(timeout=30) == "CANCELLED", job.status
jobs.delete_job(first, session=s)
assert first.id.split(".")[-1] not in set(jobs.list_jobs(limit=100, session=s)["name"])
s.close()
print("ok")
