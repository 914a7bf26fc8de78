"""Writes the result file, in the one form that every client reads (snowflake/ml/jobs/_interop: dto_schema.py, protocols.py).

    {"kind": "result", "success": bool, "value": ..., "protocol": null | {}, "serialize_error": null | text, "metadata": null | {}}

What JSON takes goes inline, tables and arrays into files of their own format, everything else through cloudpickle. A file
appears under its name only when it is whole.
"""

import contextlib
import json
import mmap
import os
import sys

from firn_job import failure
from firn_job.arguments import PYTHON, SESSION

_TOLD = ("cloudpickle", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "xgboost", "lightgbm", "torch")


def save(place, success, value):
    """Writes the result file and what belongs to it."""
    form = {"kind": "result", "success": success, "value": value, "protocol": None, "serialize_error": None, "metadata": None}
    os.makedirs(place.results, exist_ok=True)
    try:
        data = json.dumps(form)
    except (TypeError, ValueError, RecursionError):
        form["value"], form["metadata"] = None, failure.metadata(value)
        try:
            form["protocol"] = _store(place, value)
        except BaseException as e:
            form["serialize_error"] = failure.safe_repr(e)
        data = json.dumps(form)
    with _whole(place.result) as f:
        f.write(data.encode())


def record(place, code, error, now):
    """Writes this instance's record beside the result, for the client's distributed_result()."""
    form = {"exit_code": code, "ended_at": now}
    if error is not None:
        form["exc"] = failure.metadata(error)
    os.makedirs(os.path.dirname(place.record()), exist_ok=True)
    with _whole(place.record()) as f:
        f.write(json.dumps(form).encode())


@contextlib.contextmanager
def _whole(path):
    part = path + ".part"
    try:
        with open(part, "wb") as f:
            yield f
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(part)
        raise


def _store(place, value):
    """Writes a value JSON cannot hold and returns the `protocol` that names it. Libraries that are not loaded made no value."""
    for library, store in (("pandas", _pandas), ("pyarrow", _pyarrow), ("numpy", _numpy)):
        module = sys.modules.get(library)
        if module is None:
            continue
        try:
            made = store(module, place.results, value)
        except Exception:
            continue  # a frame that Parquet cannot hold goes as a pickle
        if made is not None:
            return dict(made, name=library, version=module.__version__, metadata=_versions())
    return _pickle(place, value)


def _pandas(pandas, folder, value):
    if not isinstance(value, getattr(pandas, "DataFrame", ())):
        return None
    path = os.path.join(folder, "mljob_extra_0.parquet")
    with _whole(path) as f:
        value.to_parquet(f)
    return {"manifest": {"paths": [path]}}


def _pyarrow(pyarrow, folder, value):
    if not isinstance(value, getattr(pyarrow, "Table", ())):
        return None
    import pyarrow.parquet

    path = os.path.join(folder, "mljob_extra_0.parquet")
    with _whole(path) as f:
        pyarrow.parquet.write_table(value, f)
    return {"manifest": {"paths": [path]}}


def _numpy(numpy, folder, value):
    # Exactly an array (a masked one would lose its mask), and none of Python objects: clients load with allow_pickle off.
    if type(value) is not getattr(numpy, "ndarray", None) or value.dtype.hasobject:
        return None
    path = os.path.join(folder, "mljob_extra.npy")
    with _whole(path) as f:
        numpy.save(f, value)
    return {"manifest": {"path": path}}


def _pickle(place, value):
    import cloudpickle

    class Pickler(cloudpickle.Pickler):
        def reducer_override(self, obj):
            made = failure.reduce(obj) if isinstance(obj, BaseException) else None
            return super().reducer_override(obj) if made is None else made

    path = os.path.join(place.results, "mljob_extra.pkl")
    packed = _pack(value, _holds_session(value))
    noted = failure.RemoteError(value) if isinstance(value, BaseException) else contextlib.nullcontext()
    with _whole(path) as f:
        with noted:
            Pickler(f).dump(packed)
        f.flush()
        if place.client_python and place.client_python != PYTHON and _by_value(f.name):
            raise TypeError(
                "the result holds functions or classes defined in the job itself: these cannot go from Python %s to the client's Python %s, "
                "where loading them would crash. Return plain data, or use the same Python on both sides" % (PYTHON, place.client_python)
            )
    told = dict(_versions(), python_version=PYTHON)
    return {"name": "cloudpickle", "version": cloudpickle.__version__, "metadata": told, "manifest": {"path": path}}


def _by_value(path):
    """Whether a pickle holds code by value: it then names cloudpickle's own module, which nothing else does."""
    with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(b"cloudpickle.cloudpickle") >= 0


def _versions():
    """Versions of the libraries that may have made the value: the client's are never sent, so the job's are put down."""
    found = {name: getattr(sys.modules.get(name), "__version__", None) for name in _TOLD}
    return {name: version for name, version in found.items() if isinstance(version, str)}


def _session_class():
    module = sys.modules.get("snowflake.snowpark.session")
    return getattr(module, "Session", None)


def _holds_session(value):
    kind = _session_class()

    def look(v):
        if isinstance(v, (list, tuple)):
            return any(look(x) for x in v)
        if isinstance(v, dict):
            return any(look(x) for x in v.values())
        return isinstance(v, kind)

    try:
        return kind is not None and look(value)
    except RecursionError:
        return False


def _pack(value, sessions):
    """The tree form that the client unpacks. It descends into dicts alone, so other containers stay as they are, and with
    them their types (a named tuple would come back as a list), unless a Snowpark session sits inside, which only a mark can stand for.
    """
    if isinstance(value, dict):
        packed = {}
        for key, item in value.items():
            if not isinstance(key, str) or key.startswith(SESSION) or key == "type@":
                # Clients to 2.6.0 at least call key.startswith and lose the whole result to an AttributeError.
                raise TypeError(
                    "a dict whose keys are not all text, holding values that are not JSON, cannot be read by the client "
                    "(key %s): use text keys, or return list(d.items())" % failure.safe_repr(key, 100)
                )
            packed.update([_mark(key, key, item, sessions)])
        return packed
    if sessions and isinstance(value, (list, tuple)):
        packed = {"type@": tuple if isinstance(value, tuple) else list}
        packed.update(_mark("#%d" % i, "#%d" % i, item, sessions) for i, item in enumerate(value))
        return packed
    if sessions and isinstance(value, _session_class()):
        return {SESSION: None}
    return value


def _mark(key, name, item, sessions):
    if sessions and isinstance(item, _session_class()):
        return SESSION + name, None
    return key, _pack(item, sessions)
