"""What is told of a payload that did not return: its exception, without our frames, in a form that reaches the client."""

import os
import sys

_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_REMOTE = "snowflake.ml.jobs._interop.exception_utils"

# Built-in exceptions whose whole state is `args` and `__dict__`. Others keep fields that their own __init__ or __reduce__ sets.
_PLAIN = (
    ArithmeticError, AssertionError, BaseException, BufferError, EOFError, Exception, FloatingPointError, IndexError, KeyError,
    KeyboardInterrupt, LookupError, MemoryError, NotImplementedError, OverflowError, RecursionError, ReferenceError, RuntimeError,
    RuntimeWarning, TypeError, UserWarning, ValueError, Warning, ZeroDivisionError,
)  # fmt: skip

# A class that defines one of these has its own way of being pickled or holds state elsewhere.
_OWN_WAYS = {"__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__", "__getnewargs_ex__", "__new__", "__slots__"}


def trimmed(error):
    """The same exception with a traceback that begins in the user's code (ours is kept if there is nothing else)."""
    tb = error.__traceback__
    while tb is not None and tb.tb_frame.f_code.co_filename.startswith(_OURS):
        tb = tb.tb_next
    return error.with_traceback(tb) if tb is not None else error


def show(error):
    """Prints the traceback where the job's log is, even if the payload has replaced or closed sys.stderr."""
    import traceback

    for stream in (sys.stderr, sys.__stderr__):
        try:
            traceback.print_exception(type(error), error, error.__traceback__, file=stream)
            stream.flush()
            return
        except Exception:
            continue


def text(error):
    """(message, traceback text as the client prints it: between its own first line and `Type: message`)."""
    import traceback

    try:
        message = str(error)
    except Exception:
        message = safe_repr(error)
    try:
        if error.__cause__ is None and (error.__context__ is None or error.__suppress_context__):
            return message, "".join(traceback.format_tb(error.__traceback__))
        # With a cause, the whole chain: the client gets no other look at it.
        lines = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        last = "".join(traceback.format_exception_only(type(error), error))
        head = "Traceback (most recent call last):\n"
        if lines.endswith(last):
            lines = lines[: -len(last)]
        return message, lines[len(head) :] if lines.startswith(head) else lines
    except Exception:
        return message, ""


def safe_repr(value, limit=100_000):
    try:
        shown = repr(value)
    except Exception as e:
        shown = "<%s, whose repr fails: %s>" % (type(value).__name__, type(e).__name__)
    return shown if len(shown) <= limit else shown[:limit] + "..."


def metadata(value):
    """The result's description in words: all that is left of it where the client cannot load the rest."""
    kind = type(value)
    told = {"type": "%s.%s" % (kind.__module__, kind.__name__), "repr": safe_repr(value)}
    if isinstance(value, BaseException):
        told["message"], told["traceback"] = text(value)
    return told


class RemoteError:
    """While this is open, an exception is picklable with the note that the client's excepthook looks for.

    The note has to be an instance of the client package's own class. Importing that package costs 80 ms warm and more than
    a second cold, so for the moment of the dump a module with a class of that name stands in for it.
    """

    def __init__(self, error):
        self._error = error
        self._stub = False

    def __enter__(self):
        module = sys.modules.get(_REMOTE)
        if module is None:
            import collections
            import types

            module = types.ModuleType(_REMOTE)
            module.RemoteErrorInfo = collections.namedtuple("RemoteErrorInfo", "exc_type exc_msg exc_tb", module=_REMOTE)
            sys.modules[_REMOTE] = module
            self._stub = True
        message, trace = text(self._error)
        try:
            self._error._remote_error = module.RemoteErrorInfo(type(self._error).__name__, message, trace)
        except Exception:
            pass  # a class without room for it: the traceback is in the metadata too

    def __exit__(self, *_):
        if self._stub:
            sys.modules.pop(_REMOTE, None)


def reduce(error):
    """How to pickle an exception of the user's so that it loads whatever its __init__ asks for, or None to do as usual.

    By default pickle calls the class with `args` again, which fails for every __init__ that passes on something else than it
    was given. Such a class is made without __init__; what that would have set is in __dict__.
    """
    import copyreg

    kind = type(error)
    if not hasattr(kind.__init__, "__code__"):
        return None
    base = next(k for k in kind.__mro__ if k.__module__ == "builtins")
    mine = set().union(*(vars(k) for k in kind.__mro__[: kind.__mro__.index(base)]))
    if base not in _PLAIN or mine & _OWN_WAYS:
        return None
    return copyreg.__newobj__, (kind, *error.args), vars(error) or None
