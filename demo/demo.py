"""The tour: the official snowflake-ml-python trains real models on Firn. Run by `make demo`; any failure ends it non-zero.

It connects with nothing but SNOWFLAKE_HOME (a connections.toml that the server wrote), as your own scripts would."""

import logging
import pathlib
import sys
import time

import pandas as pd
import sklearn.datasets
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

from snowflake.ml import jobs
from snowflake.ml.jobs import remote, submit_directory, submit_file, submit_from_stage
from snowflake.snowpark import Session

POOL, STAGE = "SYSTEM_COMPUTE_POOL_CPU", "PAYLOADS"
HERE = pathlib.Path(__file__).resolve().parent
logging.getLogger("snowflake").setLevel(logging.ERROR)
began = time.time()


def say(text: str) -> None:
    print(f"[{time.time() - began:5.1f} s] {text}", flush=True)


def check(what: str, ok: bool) -> None:
    """The demo is a test as well: a wrong answer ends it."""
    if not ok:
        sys.exit(f"demo: wrong: {what}")


session = Session.builder.getOrCreate()
say(f"connected as {session.get_current_user()}, role {session.get_current_role()}, Snowflake {session.sql('select current_version()').collect()[0][0]}")


def load(name: str, data) -> pd.DataFrame:
    """Splits a data set, writes the training part into a table, returns the held-out part."""
    frame = pd.DataFrame(data.data, columns=[f"F{i}" for i in range(data.data.shape[1])])
    frame["TARGET"] = data.target
    train, test = train_test_split(frame, test_size=0.25, random_state=7, stratify=frame["TARGET"])
    session.write_pandas(train.reset_index(drop=True), name, auto_create_table=True, overwrite=True)
    say(f"table {name}: {session.table(name).count()} rows x {train.shape[1]} columns written; {len(test)} rows held out")
    check("row count", session.table(name).count() == len(train))
    return test


cancer = load("CANCER", sklearn.datasets.load_breast_cancer())
digits = load("DIGITS", sklearn.datasets.load_digits())
summary = session.sql("select TARGET, count(*) as N, avg(F0) as MEAN_RADIUS from CANCER group by TARGET order by TARGET").to_pandas()
say("a look at the table through SQL:\n" + summary.to_string(index=False))


@remote(POOL, stage_name=STAGE)
def train(table: str, rounds: int):
    """Runs on Firn: reads the table through the job's own Snowpark session, returns the model."""
    import xgboost
    from snowflake.snowpark import Session

    frame = Session.builder.getOrCreate().table(table).to_pandas()
    print(f"training on {len(frame)} rows", flush=True)
    model = xgboost.XGBClassifier(n_estimators=rounds, max_depth=4, n_jobs=1)
    model.fit(frame.drop(columns="TARGET").astype("float32"), frame["TARGET"])
    print("trained", flush=True)
    return model


say("first job: the runtime's environment is made now if this is the first start (kept for later ones)")
job = train("CANCER", 60)
say(f"submitted {job.id}, status {job.status}")
model = job.result()
score = accuracy_score(cancer["TARGET"], model.predict(cancer.drop(columns="TARGET").astype("float32")))
say(f"got a {type(model).__name__} back; accuracy on held-out rows: {score:.3f}")
check("accuracy of the cancer model", score > 0.9)

for table, test in (("DIGITS", digits), ("CANCER", cancer)):
    start = time.time()
    again = train(table, 30).result()
    score = accuracy_score(test["TARGET"], again.predict(test.drop(columns="TARGET").astype("float32")))
    say(f"same function, {table}: accuracy {score:.3f}, {time.time() - start:.1f} s from call to model")
    check(f"accuracy on {table}", score > 0.85)

job = submit_file(str(HERE / "project" / "train.py"), POOL, stage_name=STAGE, args=["--table", "CANCER", "--depth", "3"],
                  imports=[(str(HERE / "project" / "helpers"), "helpers")])
say(f"submit_file with arguments: {job.id}")
seen = 0
while True:  # live logs, as a person at a terminal would follow them
    done = job.status in ("DONE", "FAILED", "CANCELLED")
    lines = job.get_logs().splitlines()
    for line in lines[seen:]:
        say("  log | " + line)
    seen = len(lines)
    if done:
        break
    time.sleep(0.3)
answer = job.result()
say(f"its __return__: {answer}")
check("submit_file", answer["depth"] == 3 and answer["accuracy"] > 0.85)

job = submit_directory(str(HERE / "project"), POOL, entrypoint="train.py", stage_name=STAGE, args=["--table", "DIGITS"])
answer = job.result()
say(f"submit_directory: {job.id}: {answer}")
check("submit_directory", answer["accuracy"] > 0.85)

session.sql("create stage if not exists SOURCES").collect()
for path in sorted((HERE / "project").rglob("*.py")):
    target = "@SOURCES/project/" + path.parent.relative_to(HERE / "project").as_posix().rstrip(".")
    session.file.put(str(path), target.rstrip("/"), auto_compress=False, overwrite=True)
job = submit_from_stage("@SOURCES/project", POOL, entrypoint="train.py", stage_name=STAGE, args=["--table", "CANCER"])
answer = job.result()
say(f"submit_from_stage: {job.id}: {answer}")
check("submit_from_stage", answer["accuracy"] > 0.85)


@remote(POOL, stage_name=STAGE)
def fail():
    return {"known": 1}["unknown"]


try:
    fail().result()
    check("a job that raises", False)
except RuntimeError as error:
    cause = error.__cause__
    say(f"a job that raises: {type(error).__name__} from {type(cause).__name__}: {cause}")
    import traceback

    text = "".join(traceback.format_exception(error))
    say("  " + "\n  ".join(text.strip().splitlines()[-6:]))
    check("the original exception", isinstance(cause, KeyError) and "unknown" in text)

listed = jobs.list_jobs(limit=20)
say("list_jobs():\n" + listed[["name", "status", "compute_pool"]].to_string(index=False))
check("list_jobs", len(listed) == 7)
cost = session.sql("select NAME, STATUS, JOB_SECONDS from table(FIRN$JOB_COST()) order by NAME").to_pandas()
say("what each job cost, in seconds of a node:\n" + cost.to_string(index=False))
check("cost", len(cost) >= 7 and (cost["JOB_SECONDS"].astype(float) > 0).all())
session.close()
say("all right")
