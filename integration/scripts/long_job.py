"""For the kill tests. `submit` starts a job that uses its own session before and after the kill; `finish ID` waits for it."""

import logging
import sys

from snowflake.ml.jobs import get_job, remote
from snowflake.snowpark import Session

logging.getLogger("snowflake").setLevel(logging.ERROR)
s = Session.builder.getOrCreate()

if sys.argv[1] == "submit":

    @remote("SYSTEM_COMPUTE_POOL_CPU", stage_name="PAY", session=s)
    def survivor(session: Session):
        import os
        import time

        session.sql("create or replace table BEFORE_KILL as select 1 as A").collect()
        print("line 1", flush=True)
        gate = os.environ["MLRS_STAGE_MOUNT_PATH"] + "/go-on"
        end = time.time() + 120
        while not os.path.exists(gate) and time.time() < end:
            time.sleep(0.05)
        print("line 2", flush=True)
        session.sql("create or replace table AFTER_KILL as select A + 1 as A from BEFORE_KILL").collect()
        print("line 3", flush=True)
        return session.table("AFTER_KILL").collect()[0][0]

    job = survivor(s)
    import time

    end = time.time() + 60
    while "line 1" not in job.get_logs() and time.time() < end:
        time.sleep(0.05)
    print("JOB", job.id)
else:
    import io

    job = get_job(sys.argv[2], session=s)
    assert job.status == "RUNNING", job.status
    stage = job._stage_path
    s.file.put_stream(io.BytesIO(b"x"), stage + "/go-on", auto_compress=False, overwrite=True)
    assert job.result(timeout=60) == 2
    logs = [l for l in job.get_logs().splitlines() if l.startswith("line")]
    assert logs == ["line 1", "line 2", "line 3"], logs
    print("ok")
