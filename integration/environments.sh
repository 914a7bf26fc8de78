#!/usr/bin/env bash
# Makes the Python environments of the real clients that the tests run, under .firn/test (kept; made once).
# One line per client: a folder and what to install into it. A new client version is one line more.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .firn/test
. tools/environment.sh
python=$(command -v python3)

make_environment .firn/test/client-2.6.0 "$python" snowflake-ml-python==2.6.0 scikit-learn xgboost-cpu cloudpickle
make_environment .firn/test/connector-5.2.0 "$python" snowflake-connector-python[pandas]==5.2.0

# A client of another Python, where this machine has one. pyenv's shims are there for versions that are not selected, too.
for second in $(command -v python3.12 || true) "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12.*/bin/python3.12; do
  if "$second" -c '' 2>/dev/null; then
    make_environment .firn/test/client-2.6.0-py312 "$second" snowflake-ml-python==2.6.0 scikit-learn
    break
  fi
done
