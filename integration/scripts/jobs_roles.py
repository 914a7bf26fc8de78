"""Jobs as a team uses them: a role of its own, another schema, threads, definitions by SQL, odd stage names, big arguments and results."""

import logging
import pathlib
import threading

import numpy as np
import pandas as pd
from snowflake.ml.jobs import MLJobDefinition, get_job, list_jobs, remote, submit_file
from snowflake.snowpark import Session
from snowflake.snowpark.exceptions import SnowparkSQLException

logging.getLogger("snowflake").setLevel(logging.ERROR)
s = Session.builder.getOrCreate()
P = "SYSTEM_COMPUTE_POOL_CPU"
s.sql("create schema JOBS_ROLES").collect()
pathlib.Path("one.py").write_text("import sys\nfrom snowflake.snowpark.context import get_active_session\n__return__ = [get_active_session().get_current_role(), sys.argv[1:]]\n")


@remote(P, stage_name="PAY", session=s)
def square(i): return i * i


@remote(P, stage_name="PAY", session=s)
def ones(n): return np.ones(n)


@remote(P, stage_name="PAY", session=s)
def length(df): return len(df)


# from threads that share a session
answers = {}


def ask(i):
    answers[i] = square(i).result()


threads = [threading.Thread(target=ask, args=(i,)) for i in range(6)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert answers == {i: i * i for i in range(6)}, answers
assert ones(2_000_000).result().sum() == 2_000_000  # 16 MB back
assert length(pd.DataFrame({"a": np.random.rand(500_000)})).result() == 500_000

# stages by every form of name, made where they are not there
for stage in ('"lower stage"', "JOBS_ROLES.PAY2"):
    assert submit_file("one.py", P, args=["1"], stage_name=stage, session=s).result() == ['"ACCOUNTADMIN"', ["1"]], stage

# a definition runs by call and by its SQL
d = MLJobDefinition.register("one.py", P, name="DEFINED", stage_name="PAY", session=s)
assert d("x", "y").result()[1] == ["x", "y"]
name = s.sql(d.to_sql()).collect()[0][0]
assert get_job(name, session=s).result()[1] == []

# a role with just enough; it sees its own jobs only, and neither others' stages nor tables
s.sql("create role SCIENTIST").collect()
for grant in ("usage on database FIRN", "usage on schema FIRN.JOBS_ROLES", "create stage on schema FIRN.JOBS_ROLES", "usage on warehouse COMPUTE_WH"):
    s.sql(f"grant {grant} to role SCIENTIST").collect()
s.sql("grant role SCIENTIST to user ADMIN").collect()
s.sql("create table HIDDEN as select 1 as A").collect()
mine = dict(stage_name="SCIENCE", session=s)


def refused(f, text=""):
    try:
        f()
    except (RuntimeError, SnowparkSQLException) as e:
        assert text in str(e), e
        return
    raise AssertionError("no error")


s.use_role("SCIENTIST")
refused(lambda: submit_file("one.py", P, **mine), "privileges")
s.use_role("ACCOUNTADMIN")
s.sql(f"grant usage on compute pool {P} to role SCIENTIST").collect()
s.sql("grant create service on schema FIRN.JOBS_ROLES to role SCIENTIST").collect()
s.use_role("SCIENTIST")
job = submit_file("one.py", P, args=["a"], **mine)
assert job.result() == ['"SCIENTIST"', ["a"]]
listed = list_jobs(session=s)
assert job.name in set(listed["name"]) and set(listed["owner"]) == {"SCIENTIST"}, listed
refused(lambda: submit_file("one.py", P, stage_name="FIRN.JOBS_ROLES.PAY", session=s), "does not exist or not authorized")
pathlib.Path("reads.py").write_text("from snowflake.snowpark.context import get_active_session\n__return__ = get_active_session().table('HIDDEN').count()\n")
refused(lambda: submit_file("reads.py", P, **mine).result(), "does not exist or not authorized")
s.use_role("ACCOUNTADMIN")
s.use_schema("PUBLIC")
assert get_job("JOBS_ROLES." + job.name, session=s).status == "DONE"
assert len(list_jobs(limit=-1, schema="JOBS_ROLES", session=s)) > 10
s.close()
print("ok")
