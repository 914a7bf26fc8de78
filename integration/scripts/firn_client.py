"""What the scripts share: connecting, and a way to say which error is expected."""

import contextlib
import pathlib
import os
import re

import snowflake.connector


def parameters() -> dict:
    """The default connection's parameters, read from the file that the server wrote (3.10 has no tomllib)."""
    text = (pathlib.Path(os.environ["SNOWFLAKE_HOME"]) / "connections.toml").read_text()
    return dict(re.findall(r'^(\w+)\s*=\s*"?([^"\n]*)"?', text, re.M))


def connect(**more):
    options = parameters() | more
    options["port"] = int(options["port"])
    return snowflake.connector.connect(**{k: v for k, v in options.items() if v is not None})


@contextlib.contextmanager
def error(errno: int, text: str = "", kind=snowflake.connector.errors.Error):
    """The block must raise a Snowflake error with this number, and this text in it."""
    try:
        yield
    except kind as e:
        found = getattr(e, "errno", None)
        if found is None:
            found = getattr(e, "sql_error_code", None)
        assert found == errno, f"errno {found}, wanted {errno}: {e}"
        assert text.lower() in str(e).lower(), f"{text!r} is not in {e}"
    else:
        raise AssertionError(f"no error; wanted {errno} {text}")
