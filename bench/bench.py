"""What issue lines promise, as ratios in one run. Each measurement prints its parts, its ratio and the limit.

Names: call, select, put. Without arguments: all. Ends non-zero if a limit is passed."""

import json
import logging
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from firn_client import connect

logging.getLogger("snowflake").setLevel(logging.ERROR)
HERE = pathlib.Path(__file__).resolve().parent
failed = []


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def verdict(name: str, value: float, limit: float, at_least: bool = False, unit: str = "x") -> None:
    ok = value >= limit if at_least else value <= limit
    print(f"  {name}: {value:.3f}{unit} (limit {'>=' if at_least else '<='} {limit}{unit}) {'ok' if ok else 'MISSED'}", flush=True)
    if not ok:
        failed.append(name)


def timed(f, n: int) -> list[float]:
    out = []
    for _ in range(n):
        start = time.perf_counter()
        f()
        out.append(time.perf_counter() - start)
    return out


def memory(pid: str) -> int:
    """Resident bytes of a process."""
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no VmRSS")


def ended() -> list[dict]:
    """What the server (--debug) noted of each job that has ended: milliseconds from its submission to each step."""
    units = {"µs": 1e-3, "ms": 1.0, "s": 1e3}
    jobs = []
    for line in open(os.environ["FIRN_LOG"], encoding="utf-8"):
        if 'msg="job: ended"' in line:
            steps = re.findall(r"(\w+)=([\d.]+)(µs|ms|s)\b", line)
            jobs.append({name: float(n) * units[unit] for name, n, unit in steps} | {"job": re.search(r"job=(\d+)", line)[1]})
    return jobs


def where(total: float, jobs: list[dict]) -> None:
    """Says where each millisecond of a call goes."""
    folder = pathlib.Path(os.environ["FIRN_DATA"]) / "instances" / "i"
    payload = []
    for job in jobs:
        stamps = [int(l.split()[0]) for l in open(folder / f"{job['job']}-0" / "log") if "ML job started" in l or "ML job finished" in l]
        payload.append((stamps[-1] - stamps[0]) / 1e6)
    mid = lambda name: statistics.median(j[name] for j in jobs)
    python = statistics.median(payload)
    print("where the time of f().result() goes (medians):")
    print(f"  SQL and job record, place, files   {mid('described'):6.1f} ms")
    print(f"  sandbox made, child forked         {mid('started') - mid('described'):6.1f} ms")
    print(f"  Python: the payload's own lines    {python:6.1f} ms")
    print(f"  result file, exit, recorded        {mid('recorded') - mid('started') - python:6.1f} ms")
    print(f"  client and wire, the rest          {total * 1000 - mid('recorded'):6.1f} ms", flush=True)


def call() -> None:
    from snowflake.ml.jobs import remote
    from snowflake.snowpark import Session

    session = Session.builder.getOrCreate()

    @remote("SYSTEM_COMPUTE_POOL_CPU", stage_name="BENCH", session=session)
    def f():
        return 1

    @remote("SYSTEM_COMPUTE_POOL_CPU", stage_name="BENCH", session=session)
    def python():
        import sys

        return sys.executable

    executable = python().result()  # makes the environment and the warm parent too
    for _ in range(3):
        f().result()
    seen = len(ended())
    again = timed(lambda: f().result(), 20)
    where(statistics.median(again), ended()[seen:])

    firsts = []
    for _ in range(10):
        @remote("SYSTEM_COMPUTE_POOL_CPU", stage_name="BENCH", session=session)
        def g():
            return 1

        start = time.perf_counter()
        g().result()
        firsts.append(time.perf_counter() - start)

    imports = timed(lambda: subprocess.run([executable, "-c", "import snowflake.snowpark; import pandas"], check=True), 10)
    one, first, base = (statistics.median(x) for x in (again, firsts, imports))
    print(f"call: f().result() {ms(one)} (of {len(again)}: {ms(min(again))}..{ms(max(again))}), first call of a definition {ms(first)}, import of snowpark and pandas {ms(base)}")
    verdict("f().result() / import", one / base, 0.12)
    verdict("first call / import", first / base, 0.3)
    ray = HERE.parent / ".firn/test/ray/bin"
    if (ray / "ray").exists():
        ports = free_ports(3)
        env = os.environ | {"PATH": f"{ray}:{os.environ['PATH']}", "RAY_ADDRESS": f"http://127.0.0.1:{ports[1]}", "RAY_USAGE_STATS_ENABLED": "0"}
        temp = tempfile.mkdtemp(prefix="firn-ray-")
        quiet = dict(env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run([ray / "ray", "start", "--head", f"--port={ports[0]}", f"--dashboard-port={ports[1]}", "--dashboard-host=127.0.0.1", "--node-ip-address=127.0.0.1",
                        f"--temp-dir={temp}", "--num-cpus=2", "--disable-usage-stats"], check=True, **quiet)
        try:
            submit = [ray / "ray", "job", "submit", "--", "python", "-c", "f = lambda: 1; print(f())"]
            subprocess.run(submit, check=True, **quiet)
            peer = statistics.median(timed(lambda: subprocess.run(submit, check=True, **quiet), 10))
        finally:
            subprocess.run([ray / "ray", "stop", "--force"], **quiet)
        print(f"  ray job submit on a running head: {ms(peer)}")
        verdict("f().result() / ray job submit", one / peer, 0.06)
    session.close()


def free_ports(n: int) -> list[int]:
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def select() -> None:
    import requests

    c = connect()
    cur = c.cursor()
    cur.execute("select 1").fetchone()
    mine = statistics.median(timed(lambda: cur.execute("select 1").fetchone(), 300))
    echo = HERE.parent / "bin/bench-echo"
    server = subprocess.Popen([echo], stdout=subprocess.PIPE, text=True)
    url = server.stdout.readline().strip()
    web = requests.Session()
    body = json.dumps({"sqlText": "select 1", "pad": "x" * 1500}).encode()
    web.post(url, data=body)
    peer = statistics.median(timed(lambda: web.post(url, data=body).content, 300))
    server.kill()
    server.wait()
    print(f"select: SELECT 1 by the connector {ms(mine)}, HTTP echo of the same size {ms(peer)}")
    verdict("SELECT 1 over the echo", (mine - peer) * 1000, 3, unit=" ms")
    c.close()


def put() -> None:
    size = 1 << 30
    folder = tempfile.mkdtemp(prefix="firn-put-")
    path = os.path.join(folder, "big.bin")
    with open(path, "wb") as f:
        block = os.urandom(1 << 20)
        for _ in range(size >> 20):
            f.write(block)
    c = connect()
    cur = c.cursor()
    cur.execute("create or replace stage BENCH_PUT")
    stub = subprocess.Popen([HERE.parent / "bin/bench-echo", folder], stdout=subprocess.PIPE, text=True)
    url = stub.stdout.readline().strip()
    before = memory(os.environ["FIRN_PID"])
    peak = [before]
    stop = threading.Event()

    def watch():
        while not stop.wait(0.05):
            peak[0] = max(peak[0], memory(os.environ["FIRN_PID"]))

    threading.Thread(target=watch, daemon=True).start()

    def once(target):
        os.sync()  # what the stub left to the kernel must not be written on the other's time
        start = time.perf_counter()
        target.execute(f"put file://{path} @BENCH_PUT auto_compress=false overwrite=true")
        return time.perf_counter() - start

    import snowflake.connector

    s = snowflake.connector.connect(account="stub", user="u", password="p", host="127.0.0.1", port=int(url.rsplit(":", 1)[1]), protocol="http")
    peer = s.cursor()
    once(peer), once(cur)
    pairs = [(once(cur), once(peer)) for _ in range(10)]
    stop.set()

    def raw():
        with open(path, "rb") as f:
            urllib.request.urlopen(urllib.request.Request(url + "/raw", data=f, method="PUT", headers={"Content-Length": str(size)})).read()

    bare = statistics.median(timed(raw, 3))
    mine, other = (statistics.median(x) for x in zip(*pairs))
    print(f"put: 1 GB by the connector {mine:.2f} s, the same to a stub that only writes {other:.2f} s, a raw HTTP PUT {bare:.2f} s; server memory grew by {(peak[0] - before) >> 20} MiB")
    verdict("PUT speed against the stub", statistics.median(o / m for m, o in pairs), 0.8, at_least=True)
    verdict("server memory grew", (peak[0] - before) / (1 << 20), 100, unit=" MiB")
    stub.kill()
    stub.wait()
    cur.execute("drop stage BENCH_PUT")
    c.close()
    import shutil

    shutil.rmtree(folder)


if __name__ == "__main__":
    for name in sys.argv[1:] or ["call", "select", "put"]:
        globals()[name]()
    sys.exit(f"missed: {', '.join(failed)}" if failed else 0)
