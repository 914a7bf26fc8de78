"""The program every job starts with: finds the payload, runs it, writes its result. See firn_job/run.py for the steps.

Two ways in: `python launcher.py ENTRY WORDS...` as a process of its own, and `main([ENTRY, *WORDS])` in the child of a
warm parent. Either way everything about the job is read from the environment at that moment, never at import, and
importing this module pulls in nothing but the standard library.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
if _HERE not in sys.path:
    sys.path.insert(0, _HERE)

from firn_job import run as _run  # noqa: E402  (our folder has to be on the path first)


def main(argv):
    """Runs the job that the environment and argv describe; returns its exit status. argv[0] is the entrypoint."""
    # The payload sees neither our folder nor our names: a module of the user's may be called `launcher` as well.
    sys.path[:] = [p for p in sys.path if p != _HERE]
    sys.modules.pop("launcher", None)
    return _run.job(list(argv))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
