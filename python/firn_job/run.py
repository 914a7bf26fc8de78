"""One job from start to end: the order of the steps, and what its exit status is."""

import logging
import os
import sys
import time
import types

from firn_job import arguments, entry, failure, result
from firn_job.place import Place
from firn_job.session import JobSession

_LINE = "--------------------------------"
STARTED = "%s\nML job started\n%s" % (_LINE, _LINE)  # the client's get_logs() cuts the log at these (constants.py: LOG_START_MSG)
FINISHED = "%s\nML job finished\n%s" % (_LINE, _LINE)


def job(argv):
    """Runs the job and returns its exit status. The result file is written before this returns, whatever happened.

    0: the payload returned, or called sys.exit() or sys.exit(0); its own status after sys.exit(n); 1: any other failure.
    """
    place = Place(os.environ)
    if place.index > 0 and not place.everywhere:
        return _wait()
    session = JobSession(dict(os.environ))
    code, value = 0, None
    try:
        _prepare(place)
        session.install()
        target, name, text, words = arguments.words(arguments.whole(argv, os.environ))
        args, kwargs = arguments.load(text, place, session.get)
        _banner(STARTED)
        value = entry.run(target, name, args, kwargs, words)
        _banner(FINISHED)
    except SystemExit as e:
        code, value = _left(e)
        if code == 0:
            _banner(FINISHED)
    except BaseException as e:
        code, value = 1, failure.trimmed(e)
        failure.show(value)
    if not _write(place, code, value):
        code = code or 1
    session.close()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    return code


def _prepare(place):
    """Makes the process what a payload expects: its folder and zipped imports on the path, logging on, output not held back."""
    # The launcher is nobody's __main__: what the client pickled from its own refers to an empty one here.
    sys.modules["__main__"] = types.ModuleType("__main__")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s - %(levelname)s - %(message)s")
    logging.getLogger("snowflake").setLevel(logging.WARNING)
    if place.payload is None:
        return
    sys.path.insert(0, place.payload)
    # imports= of the client arrives as zip files anywhere below, each to be imported from. What pip_requirements and
    # requirements.txt ask for is in the environment already: the server builds that before the job starts.
    for folder, folders, files in os.walk(place.payload):
        folders.sort()
        for name in sorted(files):
            if name.endswith(".zip"):
                import zipfile

                if zipfile.is_zipfile(os.path.join(folder, name)):
                    sys.path.insert(0, os.path.join(folder, name))
    os.chdir(place.payload)


def _banner(text):
    try:
        sys.stdout.write(text + "\n")  # one write: print's newline would be another, and a line of stderr's may come between
        sys.stdout.flush()
    except Exception:
        pass  # a payload may have closed its output: that does not make it fail


def _left(exit):
    """Status and value of a payload that called sys.exit: as for any Python program, only nothing and 0 are success."""
    if exit.code is None or exit.code == 0:
        return 0, None
    code = 1
    if isinstance(exit.code, int):
        code = exit.code & 0xFF or 1
    else:
        print(exit.code, file=sys.stderr)
    error = RuntimeError("The job called sys.exit(%s)" % failure.safe_repr(exit.code, 1000))
    return code, failure.trimmed(error.with_traceback(exit.__traceback__))


def _write(place, code, value):
    """Writes the result, and the instance's record if every instance runs the payload. False if that was not possible."""
    ok, error = code == 0, value if code else None
    if place.index == 0:
        try:
            result.save(place, ok, value)
        except BaseException as e:
            print("The result could not be written to %s: %s" % (place.result, failure.safe_repr(e)), file=sys.stderr)
            ok, error = False, error or e
    if place.everywhere:
        try:
            result.record(place, code if ok or code else 1, error, time.time())
        except BaseException as e:
            print("The instance's record could not be written: %s" % failure.safe_repr(e), file=sys.stderr)
            return False
    return ok


def _wait():
    """An instance other than the first, where only the first runs the payload: it stays until the server stops it."""
    import signal

    stop = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    signal.sigwait(stop)
    return 0
