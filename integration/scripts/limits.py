"""Jobs that die before they can answer, and what SHOW and DESCRIBE say of jobs and pools."""

import logging
import re
import sys

from snowflake.ml.jobs import get_job, remote, submit_file
from snowflake.snowpark import Session
from snowflake.snowpark.exceptions import SnowparkSQLException

logging.getLogger("snowflake").setLevel(logging.ERROR)
s = Session.builder.getOrCreate()
P = "SYSTEM_COMPUTE_POOL_CPU"
at = dict(stage_name="PAY", session=s)
SMALL = {"spec": {"containers": [{"name": "main", "resources": {"limits": {"memory": "700Mi"}}}]}}


def touch(gib):
    blocks = []
    for _ in range(int(gib * 16)):
        blocks.append(b"x" * (64 << 20))
    return len(blocks)


@remote(P, spec_overrides=SMALL, **at)
def greedy(gib): return touch(gib)


@remote(P, spec_overrides=SMALL, **at)
def greedy_together(gib):
    """No process alone is over the limit, their sum is."""
    import os
    import signal
    for _ in range(4):
        if os.fork() == 0:
            touch(gib / 4)
            signal.pause()
    os.wait()  # the kernel ends one of them, or whoever watches the sum all of us
    os._exit(1)


@remote(P, spec_overrides=SMALL, **at)
def modest(gib): return touch(gib)


@remote(P, **at)
def dies(how):
    import os
    import signal
    print("last words of " + str(how), flush=True)
    if how == "exit":
        os._exit(7)
    if how == "sys.exit":
        sys.exit(3)
    if how == "segfault":
        import ctypes
        ctypes.string_at(0)
    os.kill(os.getpid(), getattr(signal, how))


def failure(f, *args):
    job = f(*args)
    try:
        value = job.result(timeout=120)
    except RuntimeError as e:
        assert job.status == "FAILED", job.status
        return str(e), e.__cause__, job
    raise AssertionError(f"no error but {value!r}")


# memory
assert modest(0.25).result() == 4
text, cause, job = failure(greedy, 1.5)
assert isinstance(cause, MemoryError), (text, cause)
print("memory:", text.splitlines()[0], repr(cause))
text, cause, job = failure(greedy_together, 2.0)
assert "out of memory" in text.lower() and isinstance(cause, MemoryError), (text, cause)
message = s.sql(f"show service containers in service {job.id}").collect()[0]["message"]
assert "out of memory" in message and "700" in message, message

# a family's own limit
s.sql("create compute pool if not exists XS min_nodes = 1 max_nodes = 2 instance_family = CPU_X64_XS").collect()
@remote("XS", **at)
def shown_limits():
    import os
    return {"cpu": os.environ["OMP_NUM_THREADS"], "shm": os.statvfs("/dev/shm").f_blocks * os.statvfs("/dev/shm").f_frsize}
found = shown_limits().result()
assert found["cpu"] == "1" and found["shm"] <= 2 << 30, found

# other ends
for how, words in {"exit": "exit code 7", "sys.exit": "sys.exit(3)", "segfault": "SIGSEGV", "SIGKILL": "SIGKILL", "SIGTERM": "SIGTERM", "SIGABRT": "SIGABRT"}.items():
    text, cause, job = failure(dies, how)
    assert words in text, (how, text)
    assert "last words of " + how in job.get_logs(), job.get_logs()
    row = s.sql(f"show service containers in service {job.id}").collect()[0]
    codes = {"exit": 7, "sys.exit": 3, "segfault": 139, "SIGKILL": 137, "SIGTERM": 143, "SIGABRT": 134}
    assert row["last_exit_code"] == codes[how] and row["status"] == "FAILED", row
    listed = s.sql(f"select MESSAGE from table(SNOWFLAKE.SPCS.GET_JOB_HISTORY()) where NAME = '{job.name}'").collect()
    assert words.replace("sys.exit(3)", "exit code 3") in listed[0][0] and "last words" in listed[0][0], listed

def one(): return 1


# an environment that is not to be had is refused at submission
for bad, words in {"9.9": "9.9", "2.3-py39": "2.3-py39", "nonsense": "nonsense", "some/where/else:1": "some/where/else"}.items():
    try:
        remote(P, runtime_environment=bad, **at)(one)()
    except Exception as e:
        assert words in str(e) and not re.search("internal error|000603", str(e)), (bad, e)
    else:
        raise AssertionError(f"the runtime environment {bad} was taken")
# requirements that it does not have: named, before a node is taken
try:
    job = remote(P, pip_requirements=["no-such-package-of-anyone==1"], **at)(one)()
    job.result(timeout=120)
except Exception as e:
    assert "no-such-package-of-anyone" in str(e) or "no_such_package" in str(e), e
else:
    raise AssertionError("an impossible requirement was met")

# resources that do not fit
for resources, words in [({"requests": {"memory": "64Gi"}}, "64"), ({"requests": {"cpu": 99}}, "99"), ({"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}, "limits"), ({"limits": {"memory": "much"}}, "much")]:
    try:
        remote(P, spec_overrides={"spec": {"containers": [{"name": "main", "resources": resources}]}}, **at)(touch)(0).result(timeout=60)
    except Exception as e:
        assert words in str(e) and "internal error" not in str(e), (resources, e)
    else:
        raise AssertionError(resources)

# columns
@remote(P, **at)
def gated():
    import os
    import time
    end = time.time() + 60
    while not os.path.exists("/mnt/job_stage/go-on") and time.time() < end:
        time.sleep(0.05)
    return 5
job = gated()
s.sql(f"call {job.id}!spcs_wait_for('RUNNING', 60)").collect()
row = s.sql(f"describe service {job.id}").collect()[0].as_dict()
assert list(row) == ["name", "status", "database_name", "schema_name", "owner", "compute_pool", "spec", "dns_name", "current_instances", "target_instances", "min_ready_instances", "min_instances",
                     "max_instances", "auto_resume", "external_access_integrations", "created_on", "updated_on", "resumed_on", "suspended_on", "auto_suspend_secs", "comment", "owner_role_type",
                     "query_warehouse", "is_job", "is_async_job", "spec_digest", "is_upgrading", "managing_object_domain", "managing_object_name"], list(row)
assert (row["status"], row["owner"], row["compute_pool"], row["current_instances"], row["target_instances"], row["is_job"]) == ("RUNNING", "ACCOUNTADMIN", P, 1, 1, "true"), row
assert "MLRS_STAGE_MOUNT_PATH" in row["spec"] and row["owner_role_type"] == "ROLE", row["spec"]
row = s.sql(f"show service instances in service {job.id}").collect()[0].as_dict()
assert list(row) == ["database_name", "schema_name", "service_name", "service_status", "instance_id", "status", "spec_digest", "creation_time", "start_time", "ip_address"], list(row)
assert (row["service_status"], row["instance_id"], row["status"]) == ("RUNNING", "0", "READY"), row
shown = {r["name"]: r.as_dict() for r in s.sql("show compute pools").collect()}
assert shown["XS"]["instance_family"] == "CPU_X64_XS" and shown[P]["num_jobs"] == 1 and shown[P]["state"] == "ACTIVE", shown
import io
s.file.put_stream(io.BytesIO(b"x"), job._stage_path + "/go-on", auto_compress=False, overwrite=True)
assert job.result(timeout=60) == 5
row = s.sql(f"show service instances in service {job.id}").collect()[0].as_dict()
assert (row["service_status"], row["status"]) == ("DONE", "SUCCEEDED"), row
row = s.sql(f"describe service {job.id}").collect()[0].as_dict()
assert (row["status"], row["current_instances"]) == ("DONE", 0), row
# What the machine does not enforce is named; where it enforces all there is nothing to name.
described = s.sql(f"describe compute pool {P}").collect()[0].as_dict()["status_message"] or ""
assert ("not enforced here" in (shown[P]["comment"] or "")) == ("not enforced here" in described), (shown[P], described)
print("unenforced:", described)
s.close()
print("ok")
