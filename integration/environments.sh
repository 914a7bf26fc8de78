#!/usr/bin/env bash
# Makes the Python environments of the real clients that the tests run, under .firn/test (kept; made once).
# One line per client: a folder and what to install into it. A new client version is one line more.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .firn/test
python=$(command -v python3)

if [ ! -x .firn/tools/bin/uv ]; then
  "$python" -m venv .firn/tools
  .firn/tools/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
fi
uv=$PWD/.firn/tools/bin/uv
# uv does not read pip's configuration: the operator's own index stands for the public one.
if [ -z "${UV_INDEX_URL:-}${UV_DEFAULT_INDEX:-}" ]; then
  index=$(.firn/tools/bin/python -m pip config get global.index-url 2>/dev/null || true)
  index=${PIP_INDEX_URL:-$index}
  [ -n "$index" ] && export UV_DEFAULT_INDEX=$index
fi

make_environment() { # folder, then requirements; with $python
  local dir=.firn/test/$1; shift
  [ -e "$dir/.complete" ] && return
  rm -rf "$dir"
  "$uv" venv --quiet --no-python-downloads -p "$python" "$dir"
  "$uv" pip install --quiet -p "$dir/bin/python" "$@"
  echo "$*" > "$dir/.complete"
}

make_environment client-2.6.0 snowflake-ml-python==2.6.0 scikit-learn xgboost-cpu cloudpickle
make_environment connector-5.2.0 snowflake-connector-python[pandas]==5.2.0

# A client of another Python, where this machine has one. pyenv's shims are there for versions that are not selected, too.
for second in $(command -v python3.12 || true) "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12.*/bin/python3.12; do
  if "$second" -c '' 2>/dev/null; then
    python=$second make_environment client-2.6.0-py312 snowflake-ml-python==2.6.0 scikit-learn
    break
  fi
done
