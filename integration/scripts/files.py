"""Files through the connector's PUT and GET: both generations must pass the same. Argument: the connector's version."""

import gzip
import os
import pathlib
import sys

import snowflake.connector
from firn_client import connect, error

assert snowflake.connector.__version__.startswith(sys.argv[1]), snowflake.connector.__version__
c = connect()
cur = c.cursor()
assert cur.execute("select 1, 'x', 1.5::float, null").fetchall() == [(1, "x", 1.5, None)]
assert cur.execute("select %s + 1", (41,)).fetchone() == (42,)
stage = f"f{sys.argv[1].replace('.', '')}"
cur.execute(f"create or replace stage {stage}")

here = pathlib.Path("files")
(here / "sub").mkdir(parents=True)
contents = {"a.txt": b"alpha\n" * 1000, "b.txt": b"beta", "empty.txt": b"", "sub/c.csv": b"1,2\n", "odd name.txt": b"blank", "bin.dat": os.urandom(70000)}
for name, data in contents.items():
    (here / name).write_bytes(data)

def listed():
    return {r[0].split("/", 1)[1]: r[1] for r in cur.execute(f"list @{stage}").fetchall()}

def got(name, directory):
    target = pathlib.Path(directory)
    target.mkdir(exist_ok=True)
    cur.execute(f"get '@{stage}/{name}' 'file://{target.resolve()}'")
    return (target / pathlib.Path(name).name).read_bytes()

put = cur.execute(f"put 'file://{here.resolve()}/a.txt' @{stage}/plain auto_compress=false overwrite=true").fetchall()
assert put[0][6] == "UPLOADED", put
assert listed() == {"plain/a.txt": 6000}, listed()
assert got("plain/a.txt", "out1") == contents["a.txt"]

cur.execute(f"put file://{here.resolve()}/*.txt @{stage}/glob auto_compress=false overwrite=true")
assert {k: v for k, v in listed().items() if k.startswith("glob/")} == {"glob/" + n: len(contents[n]) for n in ("a.txt", "b.txt", "empty.txt", "odd name.txt")}, listed()
for n in ("a.txt", "b.txt", "empty.txt", "odd name.txt"):
    assert got("glob/" + n, "out2") == contents[n], n

cur.execute(f"put file://{here.resolve()}/*.txt @{stage}/gz overwrite=true")
assert {k for k in listed() if k.startswith("gz/")} == {f"gz/{n}.gz" for n in ("a.txt", "b.txt", "empty.txt", "odd name.txt")}, listed()
assert gzip.decompress(got("gz/a.txt.gz", "out3")) == contents["a.txt"]
assert gzip.decompress(got("gz/b.txt.gz", "out3")) == contents["b.txt"]

cur.execute(f"put file://{here.resolve()}/bin.dat @{stage}/twice auto_compress=false")
(here / "bin.dat").write_bytes(b"second")
cur.execute(f"put file://{here.resolve()}/bin.dat @{stage}/twice auto_compress=false overwrite=false")
assert got("twice/bin.dat", "out4") == contents["bin.dat"], "OVERWRITE=FALSE must keep the first"
cur.execute(f"put file://{here.resolve()}/bin.dat @{stage}/twice auto_compress=false overwrite=true")
assert got("twice/bin.dat", "out5") == b"second"

# many files by one wildcard: each arrives as itself, compressed or not, and goes back the same
many = {f"part-{i:02}.csv": b"%d," % i * (1 + 997 * i) for i in range(14)}
(here / "many").mkdir()
for name, data in many.items():
    (here / "many" / name).write_bytes(data)
for folder, compress, ending in (("many", "false", ""), ("packed", "true", ".gz")):
    put = cur.execute(f"put file://{here.resolve()}/many/part-*.csv @{stage}/{folder} auto_compress={compress}").fetchall()
    assert sorted((r[0], r[1], r[6]) for r in put) == [(n, n + ending, "UPLOADED") for n in sorted(many)], put
    target = pathlib.Path("back") / folder
    target.mkdir(parents=True)
    cur.execute(f"get @{stage}/{folder}/ file://{target.resolve()}/")
    assert sorted(p.name for p in target.iterdir()) == [n + ending for n in sorted(many)]
    for name, data in many.items():
        found = (target / (name + ending)).read_bytes()
        assert (gzip.decompress(found) if ending else found) == data, (folder, name)

# a large file: the server's memory does not grow with it
def resident():
    """The server's resident memory and its peak, in MiB."""
    status = pathlib.Path(f"/proc/{os.environ['FIRN_PID']}/status").read_text()
    return [int(line.split()[1]) >> 10 for word in ("VmRSS:", "VmHWM:") for line in status.splitlines() if line.startswith(word)]

block = os.urandom(1 << 20)
with open(here / "large.bin", "wb") as f:
    for i in range(300):
        f.write(b"%08d" % i + block[8:])
before = resident() if "FIRN_PID" in os.environ else None
cur.execute(f"put file://{here.resolve()}/large.bin @{stage}/large auto_compress=false")
assert listed()["large/large.bin"] == 300 << 20
cur.execute(f"get @{stage}/large/large.bin file://{pathlib.Path('back').resolve()}/")
with open(here / "large.bin", "rb") as a, open("back/large.bin", "rb") as b:
    while part := a.read(1 << 22):
        assert part == b.read(1 << 22)
    assert b.read() == b""
if before:
    after = resident()
    print("server's memory, MiB: before", before, "after", after)
    assert after[1] - max(before) < 64, (before, after)
cur.execute(f"remove @{stage}/large")
os.remove(here / "large.bin")
os.remove("back/large.bin")

rows = cur.execute(f"list @{stage} pattern='.*b[.]txt.*'").fetchall()
assert sorted(r[0] for r in rows) == [f"{stage}/gz/b.txt.gz", f"{stage}/glob/b.txt"] or sorted(r[0] for r in rows) == [f"{stage}/glob/b.txt", f"{stage}/gz/b.txt.gz"], rows
import hashlib
assert {r[2] for r in cur.execute(f"list @{stage}/plain").fetchall()} == {hashlib.md5(contents["a.txt"]).hexdigest()}
cur.execute(f"create or replace stage {stage}_copy")
copied = cur.execute(f"copy files into @{stage}_copy/x/ from @{stage}/glob/").fetchall()
assert len(copied) == 4, copied
removed = cur.execute(f"remove @{stage}/gz/").fetchall()
assert len(removed) == 4 and all(r[1] == "removed" for r in removed), removed
with error(2003, "does not exist or not authorized"):
    cur.execute("list @no_such_stage")
with error(2003, "does not exist or not authorized"):
    cur.execute(f"put file://{here.resolve()}/b.txt @no_such_stage")
with error(253006, ""):
    cur.execute(f"put file://{here.resolve()}/nothing.txt @{stage}")
cur.execute("put file://%s/b.txt @~/mine auto_compress=false" % here.resolve())
assert [r[0] for r in cur.execute("list @~/mine").fetchall()] == ["mine/b.txt"]
c.close()
print("ok")
