"""The server's disk is full (`full`), and has room again (`room`); `before` makes what must outlast it. Every statement is bounded:
a client that tries again and again has failed, too."""

import logging
import os
import pathlib
import sys

import pandas as pd
import snowflake.connector
from firn_client import connect
from snowflake.ml.jobs import remote
from snowflake.snowpark import Session

logging.getLogger("snowflake").setLevel(logging.CRITICAL)
step = sys.argv[1]
c = connect(network_timeout=30)
cur = c.cursor()
here = pathlib.Path("files")
here.mkdir()
(here / "small.txt").write_text("small\n" * 100)
with open(here / "big.bin", "wb") as f:
    for _ in range(24):
        f.write(os.urandom(1 << 20))


def function():
    s = Session.builder.config("connection", c).create()
    @remote("SYSTEM_COMPUTE_POOL_CPU", stage_name="PAY", session=s)
    def answer(): return 6 * 7
    return answer


def refused(what, f):
    """f must fail with an error that names the disk, at once."""
    try:
        f()
    except snowflake.connector.errors.Error as e:
        text = str(e)
        assert "disk" in text.lower() or "space" in text.lower(), (what, text)
        assert "000603" not in text and "internal error" not in text, (what, text)
        assert "HTTP" not in text or "403" in text, (what, text)
        print(what, "->", text.replace("\n", " ")[:200])
        return
    except Exception as e:  # what Snowpark and ML Jobs wrap it in
        text = str(e) + str(e.__cause__)
        assert ("disk" in text.lower() or "space" in text.lower()) and "internal error" not in text, (what, text)
        print(what, "->", type(e).__name__, text.replace("\n", " ")[:200])
        return
    raise AssertionError(f"{what}: no error on a full disk")


def count(table): return cur.execute(f"select count(*) from FIRN.PUBLIC.{table}").fetchone()[0]


if step == "before":
    cur.execute("create or replace table KEPT as select seq4() as A, randstr(20, random()) as S from table(generator(rowcount => 1000))")
    cur.execute("create or replace table GROWS (A int, S varchar)")
    cur.execute("create or replace stage FILES")
    cur.execute(f"put file://{here.resolve()}/small.txt @FIRN.PUBLIC.FILES/kept auto_compress=false")
    assert function()().result() == 42
elif step == "full":
    assert count("KEPT") == 1000 and count("GROWS") == 0
    refused("INSERT", lambda: cur.execute("insert into GROWS select seq4(), randstr(2000, random()) from table(generator(rowcount => 50000))"))
    assert count("GROWS") == 0
    refused("CREATE TABLE AS", lambda: cur.execute("create table HALF as select seq4() as A, randstr(2000, random()) as S from table(generator(rowcount => 50000))"))
    assert cur.execute("show tables like 'HALF'").fetchall() == []
    refused("PUT", lambda: cur.execute(f"put file://{here.resolve()}/big.bin @FIRN.PUBLIC.FILES/half auto_compress=false"))
    assert [r[0] for r in cur.execute("list @FIRN.PUBLIC.FILES").fetchall()] == ["files/kept/small.txt"]
    refused("write_pandas", lambda: Session.builder.config("connection", c).create().write_pandas(pd.DataFrame({"A": range(200000), "S": [os.urandom(40).hex() for _ in range(200000)]}), "HALF", auto_create_table=True))
    assert count("KEPT") == 1000
    assert cur.execute("select sum(A) from FIRN.PUBLIC.KEPT").fetchone() == (499500,)
elif step == "none":  # not a byte left: what writes little may be refused or not, but clearly, and never half
    with open(sys.argv[2], "ab", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(4096))
        except OSError:
            pass
    made = {}
    for what, sql in {"CREATE TABLE": "create table TINY (A int)", "CREATE STAGE": "create stage TINY_STAGE", "INSERT": "insert into GROWS values (1, 'x')",
                      "CREATE ROLE": "create role TINY_ROLE", "EXECUTE_ML_JOB": "call system$execute_ml_job('TINY_', 'SYSTEM_COMPUTE_POOL_CPU', '{\"STAGE_PATH\": \"@FILES/kept\", \"ARGS\": [\"true\"]}', '{}')",
                      "CREATE SCHEMA": "create schema TINY_SCHEMA"}.items():  # the last: it becomes the current one
        try:
            cur.execute(sql)
            made[what] = True
        except snowflake.connector.errors.Error as e:
            made[what] = False
            assert ("disk" in str(e).lower() or "space" in str(e).lower()) and e.errno != 603 and e.errno is not None, (what, e.errno, e)
            print(what, "->", str(e).replace("\n", " ")[:200])
    print("done all the same:", [k for k, v in made.items() if v])
    assert len(cur.execute("show tables like 'TINY' in schema FIRN.PUBLIC").fetchall()) == made["CREATE TABLE"]
    assert len(cur.execute("show stages like 'TINY_STAGE' in schema FIRN.PUBLIC").fetchall()) == made["CREATE STAGE"]
    assert len(cur.execute("show schemas like 'TINY_SCHEMA'").fetchall()) == made["CREATE SCHEMA"]
    assert count("GROWS") == made["INSERT"]
    assert len(cur.execute("show job services like 'TINY_%' in schema FIRN.PUBLIC").fetchall()) == made["EXECUTE_ML_JOB"]
    assert made["INSERT"] is False or made["CREATE TABLE"], made
    refused("PUT", lambda: cur.execute(f"put file://{here.resolve()}/small.txt @FIRN.PUBLIC.FILES/half auto_compress=false"))
    assert [r[0] for r in cur.execute("list @FIRN.PUBLIC.FILES").fetchall()] == ["files/kept/small.txt"]
    assert count("KEPT") == 1000
    try:
        c2 = connect(login_timeout=20)
        assert c2.cursor().execute("select 1").fetchone() == (1,)
        c2.close()
    except snowflake.connector.errors.Error as e:
        assert "disk" in str(e).lower() or "space" in str(e).lower(), e
        print("login ->", str(e).replace("\n", " ")[:200])
else:
    assert count("KEPT") == 1000 and cur.execute("select sum(A) from FIRN.PUBLIC.KEPT").fetchone() == (499500,)
    before = count("GROWS")
    cur.execute("insert into GROWS select seq4(), randstr(200, random()) from table(generator(rowcount => 5000))")
    assert count("GROWS") == before + 5000
    cur.execute("create table AFTER_FULL as select 1 as A")
    cur.execute("create stage AFTER_STAGE")
    cur.execute(f"put file://{here.resolve()}/big.bin @FIRN.PUBLIC.FILES/after auto_compress=false")
    (here / "back").mkdir()
    cur.execute(f"get @FIRN.PUBLIC.FILES/after/big.bin file://{here.resolve()}/back/")
    assert (here / "back" / "big.bin").read_bytes() == (here / "big.bin").read_bytes()
    cur.execute(f"get @FIRN.PUBLIC.FILES/kept/small.txt file://{here.resolve()}/back/")
    assert (here / "back" / "small.txt").read_text() == "small\n" * 100
    assert function()().result() == 42
print("ok")
