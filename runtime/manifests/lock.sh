#!/usr/bin/env bash
# Writes base-py3XX.txt for each Python: every package with its version and hashes, and no word of the index it came from.
# Needs uv, and the Pythons to lock for (`uv python find` must know them). Existing versions stay where they can;
# UPGRADE=1 moves all to the newest.
set -euo pipefail
cd "$(dirname "$0")"
for m in ${@:-3.10 3.11 3.12 3.13}; do
  to=base-py${m/./}.txt
  uv pip compile base.in -o "$to" --python-version "$m" ${UPGRADE:+--upgrade} \
    --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet
  if grep -q '://' "$to"; then echo "$to names a URL" >&2; exit 1; fi
  echo "$to: $(grep -c == "$to") packages"
done
