"""What the job is asked to run: the words after the launcher's name, and a function's arguments.

The forms are those of the client's own launcher (snowflake/ml/jobs/_utils/scripts/mljob_launcher.py), except that a
word which is the user's is never taken for ours: our two flags count only directly after the entrypoint of a function.
"""

import json
import os
import sys

MAIN = "--script_main_func"
ARGS = "--function_args"
SESSION = "session@"
LONG = "FIRN_LONG_WORDS"
PYTHON = "%d.%d" % sys.version_info[:2]


def whole(argv, env):
    """argv with the words in their places that were too long for a command line: the server left them in a file."""
    argv, file = list(argv), env.pop(LONG, None)
    if file:
        with open(file, encoding="utf-8") as f:
            for i, word in json.load(f).items():
                argv[int(i)] = word
    return argv


def words(argv):
    """Splits argv into (entrypoint, function name or None, text of the function's arguments or None, the user's words)."""
    if not argv:
        raise ValueError("the job has no entrypoint")
    entry, rest = argv[0], list(argv[1:])
    if not rest or not (rest[0] == MAIN and len(rest) > 1 or rest[0].startswith(MAIN + "=")):
        return entry, None, None, rest
    first = rest.pop(0)
    function = rest.pop(0) if first == MAIN else first[len(MAIN) + 1 :]
    text = None
    if rest and rest[0].startswith(ARGS + "="):
        text = rest.pop(0)[len(ARGS) + 1 :]
    elif len(rest) > 1 and rest[0] == ARGS:
        text, rest = rest[1], rest[2:]
    return entry, function, text, rest


def load(text, place, session):
    """A function's (args, kwargs) from its inline JSON or the file that holds it. session() gives the job's session."""
    if not text:
        return (), {}
    if not text.lstrip().startswith("{"):
        file = os.path.join(place.payload or place.stage, text)
        if text.startswith("@") or not os.path.isfile(file):
            file = place.from_stage(text)
        with open(file, encoding="utf-8") as f:
            text = f.read()
    form = json.loads(text)
    protocol = form.get("protocol")
    if protocol is None:
        args, kwargs = form["value"]
        return tuple(args), dict(kwargs)
    if protocol.get("name") != "cloudpickle":
        raise RuntimeError("The function's arguments are in the form %r, which this runtime does not know" % protocol.get("name"))
    made_by = (protocol.get("metadata") or {}).get("python_version")
    if made_by and made_by != PYTHON:
        raise RuntimeError(mismatch("the function's arguments were", made_by))
    manifest = protocol["manifest"]
    import pickle

    if manifest.get("base64"):
        import base64

        tree = pickle.loads(base64.b64decode(manifest["base64"]))
    else:
        with open(place.from_stage(manifest["path"]), "rb") as f:
            tree = pickle.load(f)
    args, kwargs = unpack(tree, session)
    return tuple(args), dict(kwargs)


def mismatch(what, made_by):
    return (
        "Python version mismatch: this job runs Python %s, but %s serialized with Python %s. Code sent by value does not survive "
        'that: submit from Python %s, or ask for a runtime with Python %s (runtime_environment="<release>-py%s").'
        % (PYTHON, what, made_by, PYTHON, made_by, made_by.replace(".", ""))
    )


def unpack(tree, session):
    """Undoes the client's packing, which replaces every container by a dict and a Snowpark session by a marked key."""
    if not isinstance(tree, dict):
        return tree
    if len(tree) == 1 and SESSION in tree:
        return session()
    kind = tree.get("type@")
    if kind is None:
        return dict(_entry(k, v, session) for k, v in tree.items())
    items = {}
    for key, value in tree.items():
        if isinstance(key, str) and "#" in key:
            items[int(key.rsplit("#", 1)[1])] = _entry(key, value, session)[1]
    values = [items.get(i) for i in range(max(items) + 1)] if items else []
    if not issubclass(kind, tuple):
        return values
    return kind._make(values) if hasattr(kind, "_make") else tuple(values)


def _entry(key, value, session):
    if isinstance(key, str) and key.startswith(SESSION):
        return key[len(SESSION) :], session()
    return key, unpack(value, session)
