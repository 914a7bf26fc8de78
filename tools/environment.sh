# Sourced by the scripts that need a client's Python environment, from the repository's root; they have set -euo pipefail.
#
#   make_environment FOLDER PYTHON REQUIREMENT...    makes FOLDER once (uv, hard links from its cache) and marks it complete
#
# uv is taken from .firn/tools, where it is installed the first time; the version is runtime.UVVersion.
if [ ! -x .firn/tools/bin/uv ]; then
  python3 -m venv .firn/tools
  .firn/tools/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
fi
# uv does not read pip's configuration: the operator's own index stands for the public one.
if [ -z "${UV_INDEX_URL:-}${UV_DEFAULT_INDEX:-}" ]; then
  index=${PIP_INDEX_URL:-$(.firn/tools/bin/python -m pip config get global.index-url 2>/dev/null || true)}
  if [ -n "$index" ]; then export UV_DEFAULT_INDEX=$index; fi
fi

make_environment() {
  local folder=$1 python=$2
  shift 2
  if [ -e "$folder/.complete" ]; then return; fi
  rm -rf "$folder"
  .firn/tools/bin/uv venv --quiet --no-python-downloads -p "$python" "$folder"
  .firn/tools/bin/uv pip install --quiet -p "$folder/bin/python" "$@"
  echo "$*" > "$folder/.complete"
}
