#!/usr/bin/env bash
# `make demo`: builds, makes the client's environment, starts a server on a free port with a fresh data directory, runs the tour.
# Everything lies under .firn (ignored). It ends by itself, non-zero if anything was wrong.
set -euo pipefail
cd "$(dirname "$0")/.."
home=$PWD/.firn
mkdir -p "$home/demo"
say() { printf '%s\n' "$*"; }
began=$SECONDS

say "1. building bin/firn and bin/firn-shim, and the client's Python environment beside it (both are kept)"
make --no-print-directory build > "$home/demo/build.log" 2>&1 & build=$!
(
  . tools/environment.sh
  make_environment "$home/client" "$(command -v python3)" snowflake-ml-python scikit-learn xgboost-cpu
) > "$home/demo/client.log" 2>&1 & client=$!
waited() { # pid, what, log: shows progress while it runs
  while kill -0 "$1" 2>/dev/null; do sleep 5 & wait -n "$1" $! 2>/dev/null || true; kill -0 "$1" 2>/dev/null && say "   … $2 ($((SECONDS - began)) s)"; done
  wait "$1" || { say "$2 failed:"; tail -n 30 "$3"; exit 1; }
}
waited "$build" "compiling (the first time about two minutes)" "$home/demo/build.log"
waited "$client" "installing the client" "$home/demo/client.log"

say "2. starting a server ($((SECONDS - began)) s)"
data=$home/demo/data
if [ -e "$data" ]; then chmod -R u+rwX "$data" 2>/dev/null || true; rm -rf "$data"; fi
bin/firn serve --data "$data" --listen 127.0.0.1:0 --runtimes "$home/runtime" > "$home/demo/server.out" 2> "$home/demo/server.log" & server=$!
trap 'kill -TERM $server 2>/dev/null; wait $server 2>/dev/null || true' EXIT
for _ in $(seq 600); do
  grep -q '^firn: ready on ' "$home/demo/server.out" && break
  kill -0 $server 2>/dev/null || { say "the server did not start:"; tail -n 30 "$home/demo/server.log"; exit 1; }
  sleep 0.1
done
say "   $(grep '^firn: ready on ' "$home/demo/server.out")"

say "3. the tour: snowflake-ml-python $("$home/client/bin/python" -c 'import importlib.metadata as m; print(m.version("snowflake-ml-python"))'), unmodified ($((SECONDS - began)) s)"
SNOWFLAKE_HOME=$data/client "$home/client/bin/python" demo/demo.py || { say "the demo failed; the server's log ends:"; tail -n 30 "$home/demo/server.log"; exit 1; }

cat <<TEXT

done in $((SECONDS - began)) s. To keep a server and connect your own code or a notebook:

  bin/firn serve --data ./firn-data &
  SNOWFLAKE_HOME=./firn-data/client .firn/client/bin/python        # or: pip install snowflake-ml-python in your own environment
  >>> from snowflake.snowpark import Session
  >>> session = Session.builder.getOrCreate()

In a notebook: put SNOWFLAKE_HOME into the kernel's environment (os.environ before the first import), then the same two lines.
TEXT
