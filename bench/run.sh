#!/usr/bin/env bash
# `make bench`: ratios measured in one run, medians. Arguments go to bench.py (names of measurements). About three minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/environment.sh
make_environment .firn/test/ray "$(command -v python3)" 'ray[default]==2.55.1'
go build -o bin/bench-echo ./bench/echo
data=$(mktemp -d "${TMPDIR:-/tmp}/firn-bench-XXXXXX")
chmod 711 "$data"
bin/firn serve --debug --data "$data/d" --listen 127.0.0.1:0 --runtimes .firn/test/runtime > "$data/out" 2> "$data/log" & server=$!
trap 'kill -TERM $server 2>/dev/null; wait $server 2>/dev/null || true; rm -rf "$data"' EXIT
for _ in $(seq 600); do grep -q '^firn: ready on ' "$data/out" && break; kill -0 $server || { tail "$data/log"; exit 1; }; sleep 0.1; done
SNOWFLAKE_HOME=$data/d/client FIRN_PID=$server FIRN_LOG=$data/log FIRN_DATA=$data/d SNOWFLAKE_DISABLE_PLATFORM_DETECTION=true PYTHONPATH=integration/scripts \
  .firn/test/client-2.6.0/bin/python bench/bench.py "$@"
