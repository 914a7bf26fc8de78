"""The real connector against one server: argv is port, the version expected. Asserts for itself; prints ok at the end."""
import datetime as dt
import decimal
import importlib.metadata
import json
import sys
import threading
import time

import snowflake.connector as sf
from snowflake.connector import errors

port, version = int(sys.argv[1]), sys.argv[2]
major = int(version.split(".")[0])
assert importlib.metadata.version("snowflake-connector-python") == version
sf.paramstyle = "qmark"
options = dict(account="firn", user="admin", password="secret", host="127.0.0.1", port=port, protocol="http", database="FIRN", schema="PUBLIC",
               warehouse="COMPUTE_WH", role="ACCOUNTADMIN")
took = time.perf_counter()


def step(name):
    global took
    now = time.perf_counter()
    print(f"{name}: {now - took:.2f} s", flush=True)
    took = now


def connect(**more):
    return sf.connect(**{**options, **more})


con = connect()
cur = con.cursor()
step("login")
assert cur.execute("select 1").fetchall() == [(1,)]
assert con.database == "FIRN" and con.schema == "PUBLIC" and con.role == "ACCOUNTADMIN", (con.database, con.schema, con.role)

utc = dt.timezone.utc
D = decimal.Decimal
t6 = dt.datetime(2024, 2, 29, 12, 34, 56, 123456)
t3 = dt.datetime(2024, 2, 29, 12, 34, 56, 123000)
old = dt.datetime(1965, 1, 2, 3, 4, 5, 678000)


def check(rows, arrow):
    assert len(rows) == 3, rows
    a, b, c = rows
    assert c == (None,) * 17, c
    assert a[:6] == (1, D("1.50"), D("12345678901234567890123456789012.3456"), 1.5, "a'\"\\\n\tü€😀", True), a
    assert a[6] == dt.date(2024, 2, 29) and a[7] == dt.time(12, 0, 0, 123456), a
    assert a[8] == t6 and a[9] == t3, a
    assert a[10].astimezone(utc).replace(tzinfo=None) == t6, a
    assert a[11].astimezone(utc).replace(tzinfo=None) == t6 and a[11].utcoffset() == dt.timedelta(hours=2), a
    assert a[12].astimezone(utc).replace(tzinfo=None) == t3 and a[12].utcoffset() == dt.timedelta(hours=2), a
    assert bytes(a[13]) == b"\x00\xff\x10", a
    assert json.loads(a[14]) == {"a": [1, "x"]} and json.loads(a[15]) == {"k": 1} and json.loads(a[16]) == [1, 2], a
    assert b[:6] == (-9007199254740993, D("-0.05"), D("-0.0001"), -0.1, "", False), b
    assert b[6] == dt.date(1965, 1, 2) and b[7] == dt.time(0, 0), b
    assert b[8] == old and b[9] == old, b
    assert b[10].astimezone(utc).replace(tzinfo=None) == old, b
    assert b[11].astimezone(utc).replace(tzinfo=None) == old and b[11].utcoffset() == -dt.timedelta(hours=5, minutes=30), b
    assert b[12].astimezone(utc).replace(tzinfo=None) == old, b
    assert bytes(b[13]) == b"", b


for sql in ("select * from types", "select * from typed_data"):
    check(cur.execute(sql).fetchall(), True)
    frame = cur.execute(sql).fetch_pandas_all()
    assert len(frame) == 3 and list(frame.columns)[0] == "I" and frame["T"][0] == "a'\"\\\n\tü€😀", frame
names = [c.name for c in cur.description]
assert names[:3] == ["I", "D", "W"] and cur.description[1].precision == 12 and cur.description[1].scale == 2, cur.description
cur.execute("alter session set python_connector_query_result_format = 'json'")
for sql in ("select * from types", "select * from typed_data"):
    check(cur.execute(sql).fetchall(), False)
cur.execute("alter session unset python_connector_query_result_format")
step("types")

assert cur.execute("select * from empty").fetchall() == []
frame = cur.execute("select * from empty").fetch_pandas_all()
assert len(frame) == 0 and len(frame.columns) == 17, frame

for sql, n in (("select * from large", 80_000), ("select * from large_rows", 50_000)):
    rows = cur.execute(sql).fetchall()
    assert len(rows) == n and rows[-1] == (n - 1, f"row {n - 1} of the table"), (sql, len(rows), rows[-1])
    assert cur.rowcount == n
    frame = cur.execute(sql).fetch_pandas_all()
    assert len(frame) == n and frame["N"].sum() == n * (n - 1) // 2, sql
step("large results")

assert cur.execute("select ?", (12,)).fetchone() == ("FIXED", "12")
assert cur.execute("select ?", ("x'y",)).fetchone() == ("TEXT", "x'y")
assert cur.execute("select ?", (None,)).fetchone()[1] == "null"
cur.executemany("insert into t values (?, ?)", [(i, f"r{i}") for i in range(5)])
assert cur.rowcount == 5, cur.rowcount
assert cur.execute("create table t2 (a int)").fetchone() == ("Table T2 successfully created.",)
assert [c[0] for c in cur.describe("select * from types")][:2] == ["I", "D"]
cur.execute("call system$echo(?, 'b')", ("a",))
assert cur.fetchone() == ("[] [a b] map[]",)
assert con.execute_string("use schema other; select context")[1].fetchone()[0].split("|")[2] == "OTHER"
cur.execute("select 1; select * from types; insert into t values (1)", num_statements=0)
assert cur.fetchall() == [(1,)] and cur.nextset() and len(cur.fetchall()) == 3 and cur.nextset(), "several statements"
step("binds, DML, several statements")

for sql, errno, state, text in (
    ("select * from nowhere", 2003, "42S02", "Object 'NOWHERE' does not exist or not authorized"),
    ("select\n  from where", 1003, "42000", "syntax error line 2"),
    ("select panic", 603, "XX000", "internal error"),
    ("put file:///nowhere/at/all.txt @st", 91003, "22000", "Failure using stage area"),
):
    try:
        cur.execute(sql)
    except errors.Error as e:
        assert e.errno == errno and e.sqlstate == state and text in str(e), (sql, e.errno, e.sqlstate, str(e))
        assert e.sfqid and len(e.sfqid) == 36, (sql, e.sfqid)
    else:
        raise AssertionError(sql)
try:
    connect(password="wrong")
except errors.Error as e:
    assert "Incorrect username or password" in str(e), e
else:
    raise AssertionError("wrong password")
step("errors")

cur.execute_async("select * from types")
qid = cur.sfqid
while con.is_still_running(con.get_query_status(qid)):
    pass
cur.get_results_from_sfqid(qid)
assert len(cur.fetchall()) == 3
try:
    cur.execute_async("select * from nowhere")
    cur.get_results_from_sfqid(cur.sfqid)
    cur.fetchall()
except errors.Error as e:
    assert e.errno == 2003, e
else:
    raise AssertionError("an error of an asynchronous statement")
step("asynchronous")

# Statements longer than the server's hold are polled; one is cancelled from another connection.
assert cur.execute("select long").fetchall() == [("at last",)]
other = connect()


def cancel():
    id = json.loads(open(0).readline())
    other.cursor().execute(f"select system$cancel_query('{id}')")


thread = threading.Thread(target=cancel)
thread.start()
try:
    cur.execute("select slow")
except errors.Error as e:
    assert e.errno == 604 and e.sqlstate == "57014", (e.errno, e.sqlstate, e)
else:
    raise AssertionError("cancelled")
thread.join()
other.close()
step("cancel")

if major < 5:  # 5.2 takes the argument and goes on waiting
    try:
        cur.execute("select slow", timeout=1)
    except errors.Error as e:
        assert e.errno == 604, e
    else:
        raise AssertionError("timeout")
    step("timeout")

cur.execute("select expire_token")
assert cur.execute("select 1").fetchall() == [(1,)]
cur.execute("select expire_token")
assert cur.execute("select 1").fetchall() == [(1,)]
assert con.is_valid()
step("renewal, twice")

con.close()
job = sf.connect(account="firn", host="127.0.0.1", port=port, protocol="http", authenticator="oauth", token="jobtoken\n", database="FIRN",
                 schema="PUBLIC", client_session_keep_alive=True)
assert job.cursor().execute("select context").fetchone()[0].split("|")[7] == "7"
rows = job.cursor(sf.DictCursor).execute("show parameters like '%CLIENT_SESSION_KEEP_ALIVE%' in session").fetchall()
assert rows[0]["value"] == "true", rows
job.close()
step("a job's login")
print("ok")
