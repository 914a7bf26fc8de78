"""Runs the entrypoint: a function the client pickled, a Python script, or a command."""

import os
import re
import shutil
import sys
import types

from firn_job.arguments import PYTHON, mismatch

# The client generates func.py with this sentence in its handler of unpickling errors; it is the one place that tells
# which Python pickled the function. Another minor's byte code does not raise, it crashes: so look before running it.
_MADE_BY = re.compile(rb"function was serialized using Python (\d+\.\d+)\.\"")


def function(path, name, args, kwargs):
    """Calls `name` of the file with the arguments and returns what it returns."""
    with open(path, "rb") as f:
        source = f.read()
    told = _MADE_BY.findall(source)
    if told and told[-1].decode() != PYTHON:
        raise RuntimeError(mismatch("its function was", told[-1].decode()))
    sys.argv = [path]
    module = types.ModuleType(os.path.splitext(os.path.basename(path))[0])
    module.__file__ = path
    exec(compile(source, path, "exec"), module.__dict__)
    called = getattr(module, name, None)
    if not callable(called):
        raise RuntimeError("Function '%s' not a valid entrypoint for %s" % (name, path))
    return called(*args, **kwargs)


def script(path, words):
    """Runs a file as `python path words...` would and returns what it left in `__return__`."""
    with open(path, "rb") as f:
        source = f.read()
    # Its own __main__, kept for good: threads, multiprocessing and pickling look it up long after the last line.
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__file__ = path
    sys.argv = [path, *words]
    exec(compile(source, path, "exec"), main.__dict__)
    return main.__dict__.get("__return__")


def command(program, words):
    """Runs a program; its output is the job's. Raises CalledProcessError if it does not exit with 0.

    SIGTERM, by which a job is cancelled, comes to this process alone: the program gets it, and the time to obey. If it ends
    by it, so does this process.
    """
    import signal
    import subprocess

    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    child, asked = None, False

    def term(*_):
        nonlocal asked
        asked = True
        if child:
            child.send_signal(signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, term)
    child = subprocess.Popen([program, *words])
    if asked:
        child.send_signal(signal.SIGTERM)  # it came before there was a child; twice does no harm
    code = child.wait()
    signal.signal(signal.SIGTERM, before)
    if asked and code == -signal.SIGTERM:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)
    if code:
        raise subprocess.CalledProcessError(code, [program, *words])


def run(entry, name, args, kwargs, words):
    """Chooses among the three as the client's launcher does: a file is Python, a program on PATH too if its first line says so."""
    if name:
        return function(entry, name, (*args, *words), kwargs)
    if os.path.isfile(entry):
        return script(entry, words)
    found = shutil.which(entry)
    if found is None:
        raise FileNotFoundError(2, "The entrypoint is neither a file of the payload nor a command on PATH", entry)
    with open(found, "rb") as f:
        first = f.readline(256)
    if first.startswith(b"#!") and b"python" in first.lower():
        return script(found, words)
    command(found, words)
    return None
