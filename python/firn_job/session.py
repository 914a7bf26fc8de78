"""The job's Snowpark session, made when the payload first asks for one and not before.

Snowpark keeps its open sessions in one module-level set, `snowflake.snowpark.session._active_sessions`, and nowhere else:
`get_active_session()`, `Session.builder.getOrCreate()` and its pandas plug-in all look there. A set that makes the job's
session when somebody looks into it is therefore all that is needed; no function of Snowpark's is replaced. A test
holds this against every runtime's Snowpark (runtime and python tests of the repository).
"""

import os
import sys
import threading

_MODULE = "snowflake.snowpark.session"


class JobSession:
    """Makes the session at most once: after the payload closed it, Snowpark says that there is none, as on any machine."""

    def __init__(self, env):
        self._env = env
        self._session = None
        self._state = "none" if env.get("SNOWFLAKE_ACCOUNT") and env.get("SNOWFLAKE_HOST") else "impossible"
        self._lock = threading.RLock()

    def get(self):
        """The session; raises what the connector raises if the server cannot be reached."""
        if self._state == "impossible":
            raise RuntimeError("This job has no Snowflake session: SNOWFLAKE_ACCOUNT and SNOWFLAKE_HOST are not set")
        import snowflake.snowpark.session as snowpark

        # Snowpark's own lock, if it has one: it holds it around some looks into the set, so another would invert the order.
        with getattr(snowpark, "_session_management_lock", self._lock):
            if self._state == "none":
                self._state = "making"  # making it looks into the set as well
                try:
                    self._session = snowpark.Session.builder.configs(self._options()).create()
                    self._state = "made"
                finally:
                    if self._state == "making":
                        self._state = "none"
            return self._session

    def wanted(self):
        """Called by the set whenever it is looked at."""
        if self._state == "none":
            self.get()

    def _options(self):
        env = self._env
        os.environ.setdefault("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")  # it asks three clouds' metadata services: 0.1 s
        with open(env.get("SNOWFLAKE_TOKEN_FILE") or "/snowflake/session/token", encoding="utf-8") as f:
            token = f.read().strip()
        options = {
            "account": env.get("SNOWFLAKE_ACCOUNT"),
            "host": env.get("SNOWFLAKE_HOST"),
            "port": env.get("SNOWFLAKE_PORT"),
            "protocol": env.get("SNOWFLAKE_PROTOCOL"),
            "database": env.get("SNOWFLAKE_DATABASE"),
            "schema": env.get("SNOWFLAKE_SCHEMA"),
            "warehouse": env.get("SNOWFLAKE_WAREHOUSE"),
            "authenticator": "oauth",
            "token": token,
            "client_session_keep_alive": True,
        }
        return {k: v for k, v in options.items() if v}

    def close(self):
        """Ends the session if one was made; whatever goes wrong there is no longer the job's business."""
        session, self._session, self._state = self._session, None, "closed"
        if session is not None:
            try:
                session.close()
            except Exception:
                pass

    def install(self):
        """Puts the set in place: now if Snowpark is loaded, else as soon as it is."""
        if _MODULE in sys.modules:
            self._put(sys.modules[_MODULE])
        else:
            sys.meta_path.insert(0, _WhenImported(self._put))

    def _put(self, snowpark):
        snowpark._active_sessions = _Sessions(snowpark._active_sessions, self.wanted)


class _Sessions(set):
    """The set of open sessions. Adding and removing do not look, so they do not make one."""

    def __init__(self, sessions, wanted):
        super().__init__(sessions)
        self._wanted = wanted

    def __len__(self):
        self._wanted()
        return super().__len__()

    def __iter__(self):
        self._wanted()
        return super().__iter__()

    def __contains__(self, session):
        self._wanted()
        return super().__contains__(session)

    def __bool__(self):
        return len(self) > 0


class _WhenImported:
    """An import finder that calls `then` with Snowpark's session module right after it was loaded, once, and leaves no trace in the import system."""

    def __init__(self, then):
        self._then = then

    def find_spec(self, name, path=None, target=None):
        if name != _MODULE:
            return None
        import importlib.util

        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        loader, load = spec.loader, spec.loader.exec_module

        def exec_module(module):
            del loader.exec_module  # the class's own again: a loader may serve other modules too
            load(module)
            self._then(module)

        loader.exec_module = exec_module
        return spec
