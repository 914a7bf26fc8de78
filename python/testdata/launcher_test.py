"""Holds the launcher against the real client: its payload generator, its argument writer and its result loader.

Run by the Go test with a runtime's own interpreter: python launcher_test.py <folder with launcher.py>. Every job is a
process of its own, as in a cold start, unless a test says otherwise.
"""

import http.server
import json
import logging
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import zipfile

import cloudpickle
import numpy as np
import pandas as pd
import pyarrow as pa
from snowflake.ml.jobs._interop import exception_utils
from snowflake.ml.jobs._interop import utils as interop
from snowflake.ml.jobs._utils import constants, payload_utils
from snowflake.snowpark import Session

LAUNCHER = None  # folder of launcher.py
PYTHON = "%d.%d" % sys.version_info[:2]
OTHER = "3.10" if PYTHON != "3.10" else "3.11"


class Ended:
    """One job that has ended: its exit code, its log, and where its files are."""

    def __init__(self, code, out, err, results, app):
        self.code, self.out, self.err, self.results, self.app = code, out, err, results, app

    @property
    def form(self):
        return json.loads((self.results / "mljob_result").read_text())

    def value(self):
        """As job.result() of the client: the value, or the error raised as the client raises it."""
        moved = lambda p: str(self.results / os.path.basename(p))
        return interop.load(str(self.results / "mljob_result"), path_transform=moved).get_value()

    def error(self):
        """The original exception under the client's RuntimeError."""
        try:
            self.value()
        except Exception as e:
            return e.__cause__ or e
        raise AssertionError("the client got a value")


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        root = pathlib.Path(folder.name)
        self.stage, self.app, self.results = root / "stage", root / "stage" / "app", root / "results"
        self.app.mkdir(parents=True)
        self.env = {
            "PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"],
            "HOME": str(root),
            "MLRS_STAGE_MOUNT_PATH": str(self.stage),
            "MLRS_PAYLOAD_DIR": "app",
            "MLRS_STAGE_RESULT_PATH": str(self.results),
            "MLRS_RESULT_PATH": "mljob_result",
        }

    def launch(self, *argv, **env):
        done = subprocess.run(
            [sys.executable, os.path.join(LAUNCHER, "launcher.py"), *argv], env={**self.env, **env}, capture_output=True, text=True, timeout=120
        )
        self.assertFalse(list(self.results.rglob("*.part")), "parts left behind")
        return Ended(done.returncode, done.stdout, done.stderr, self.results, self.app)

    def call(self, function, *args, _env={}, **kwargs):
        """Submits as @remote does: func.py by the client's generator, the arguments by its writer."""
        setattr(function, constants.IS_MLJOB_REMOTE_ATTR, True)
        entry = self.app / "func.py"
        entry.write_text(payload_utils.generate_python_code(function, source_code_display=True))
        words = [str(entry), "--script_main_func", "func"]
        if args or kwargs:
            folder = self.app / "1a2b3c4d"
            folder.mkdir()
            text = interop.save((args, kwargs), str(folder / "function_args"), max_inline_size=interop._MAX_INLINE_SIZE)
            words.append("--function_args=" + (text.decode() if text else "1a2b3c4d/function_args"))
        return self.launch(*words, **_env)

    def script(self, text, *words, name="main.py", **env):
        (self.app / name).parent.mkdir(parents=True, exist_ok=True)
        (self.app / name).write_text(text)
        return self.launch(str(self.app / name), *words, **env)


class TwoArguments(Exception):
    def __init__(self, a, b):
        super().__init__("%s-%s" % (a, b))
        self.a = a


class ByKeyword(ValueError):
    def __init__(self, *, code):
        super().__init__("code %d" % code)
        self.code = code


class Functions(Case):
    def test_values(self):
        """What comes back for what a function returns, by the client's loader: the expected value, or None for the same."""
        table = [
            (1, None), (None, None), ("é\ud800", None), ([1, [2]], None), ({"a": {"b": 1.5}}, None), ((1, 2), [1, 2]), ({1: "a"}, {"1": "a"}),
            (({1, 2}, (3,), b"x"), None), ({"k": {1, 2}, "n": {"d": b"x"}}, None), ([{1: {2}}], None), (b"x", None), (1 + 2j, None), (range(3), None), ([], None),
        ]  # fmt: skip
        for value, expected in table:
            with self.subTest(value=value):
                (self.app / "func.py").unlink(missing_ok=True)
                done = self.call(_returns(value))
                self.assertEqual(done.code, 0, done.err)
                got = done.value()
                self.assertEqual(got, value if expected is None else expected)
                self.assertIs(type(got), type(value if expected is None else expected))

    def test_named_tuple_keeps_its_type(self):
        def f():
            import collections
            import decimal

            return [decimal.DecimalTuple(0, (1,), {2})]

        got = self.call(f).value()
        self.assertEqual(type(got[0]).__name__, "DecimalTuple")

    def test_tables_and_arrays(self):
        def frame():
            import pandas as pd

            return pd.DataFrame({"x": [1, 2], "s": ["a", None]})

        def table():
            import pyarrow as pa

            return pa.table({"a": [1]})

        def array():
            import numpy as np

            return np.arange(6).reshape(2, 3)

        def objects():
            import numpy as np

            return np.array([{1}, "x"], dtype=object)

        def masked():
            import numpy as np

            return np.ma.array([1, 2], mask=[False, True])

        def odd_frame():
            import pandas as pd

            return pd.DataFrame({"x": [{1}, 2j]})

        done = self.call(frame)
        pd.testing.assert_frame_equal(done.value(), pd.DataFrame({"x": [1, 2], "s": ["a", None]}))
        self.assertEqual((done.form["protocol"]["name"], done.form["protocol"]["version"]), ("pandas", pd.__version__))
        self.assertEqual(self.call(table).value(), pa.table({"a": [1]}))
        np.testing.assert_array_equal(self.call(array).value(), np.arange(6).reshape(2, 3))
        self.assertEqual(self.call(objects).value().tolist(), [{1}, "x"])
        self.assertEqual(self.call(masked).value().tolist(), [1, None])
        done = self.call(odd_frame)
        self.assertEqual(done.form["protocol"]["name"], "cloudpickle")
        self.assertEqual(done.value()["x"].tolist(), [{1}, 2j])

    def test_model(self):
        def train(df):
            from sklearn.linear_model import LinearRegression

            return {"model": LinearRegression().fit(df[["x"]], df["y"]), "n": len(df)}

        done = self.call(train, pd.DataFrame({"x": [0, 1, 2], "y": [1, 3, 5]}))
        got = done.value()
        self.assertAlmostEqual(got["model"].predict(pd.DataFrame({"x": [10]}))[0], 21)
        told = done.form["protocol"]["metadata"]
        self.assertEqual((told["python_version"], told["numpy"]), (PYTHON, np.__version__))

    def test_arguments(self):
        def kw(a, b=2, *, c=3):
            return [a, b, c]

        self.assertEqual(self.call(kw, 1, c=9).value(), [1, 2, 9])

    def test_pickled_arguments(self):
        def objects(df, arr, nested, *, key):
            return [int(df["x"].sum() + arr.sum()), repr(nested), sorted(key), type(key).__name__]

        # The client writes them to a stage; here to the folder that would be mounted, with a stage's path in the manifest.
        done = self.call(objects, pd.DataFrame({"x": [1, 2]}), np.arange(3), {"t": (1, [2]), "e": (), 3: 4}, key={5, 6})
        self.assertEqual(done.value(), [6, "{'t': (1, [2]), 'e': (), 3: 4}", [5, 6], "set"])

    def test_large_arguments(self):
        def size(s):
            return len(s)

        done = self.call(size, "x" * 1_500_000)
        self.assertTrue((self.app / "1a2b3c4d" / "function_args").is_file())
        self.assertEqual(done.value(), 1_500_000)

    def test_stage_path_of_arguments(self):
        """A definition, a stage and the payload folder may share a name."""
        folder = self.app / "1a2b3c4d"
        folder.mkdir()
        (folder / "mljob_extra.pkl").write_bytes(cloudpickle.dumps({"type@": tuple, "#0": {"type@": tuple, "#0": 7}, "#1": {}}))
        self.script("def func(x):\n    return x\n", name="func.py")
        for path in ("@DB.S.app/app/app/1a2b3c4d/mljob_extra.pkl", "@S/def/app/1a2b3c4d/mljob_extra.pkl"):
            form = {"kind": "base", "value": None, "protocol": {"name": "cloudpickle", "version": "3.1.2", "metadata": {"python_version": PYTHON}, "manifest": {"path": path}}}
            done = self.launch(str(self.app / "func.py"), "--script_main_func", "func", "--function_args=" + json.dumps(form))
            self.assertEqual(done.value(), 7, done.err)

    def test_unknown_argument_form(self):
        self.script("def func(x):\n    return x\n", name="func.py")
        form = {"kind": "base", "value": None, "protocol": {"name": "msgpack", "manifest": {}}}
        done = self.launch(str(self.app / "func.py"), "--script_main_func", "func", "--function_args=" + json.dumps(form))
        self.assertEqual(done.code, 1)
        self.assertIn("msgpack", str(done.error()))

    def test_not_callable(self):
        self.script("func = 3\n", name="func.py")
        done = self.launch(str(self.app / "func.py"), "--script_main_func", "func")
        self.assertEqual((done.code, type(done.error())), (1, RuntimeError))


def _returns(value):
    def f():
        return value

    return f


class Failures(Case):
    def raised(self, function, code=1, **kw):
        done = self.call(function, **kw)
        self.assertEqual(done.code, code, done.err)
        self.assertIs(done.form["success"], False)
        return done, done.error()

    def test_original_exception_with_its_traceback(self):
        def boom():
            d = {}
            return d["nokey"]

        done, e = self.raised(boom)
        self.assertEqual((type(e), e.args), (KeyError, ("nokey",)))
        remote = exception_utils.retrieve_remote_error_info(e)
        self.assertIsInstance(remote, exception_utils.RemoteErrorInfo)
        self.assertIn(", in boom", remote.exc_tb)
        self.assertNotIn("firn_job", remote.exc_tb)
        self.assertIn("KeyError: 'nokey'", done.err)
        self.assertNotIn("firn_job", done.err)
        self.assertNotIn("finished", done.out)

    def test_exceptions_of_the_user(self):
        def two():
            raise TwoArguments(1, 2)

        def keyword():
            raise ByKeyword(code=4)

        _, e = self.raised(two)
        self.assertEqual((type(e).__name__, str(e), e.a), ("TwoArguments", "1-2", 1))
        _, e = self.raised(keyword)
        self.assertEqual((type(e).__name__, str(e), e.code), ("ByKeyword", "code 4", 4))

    def test_cause_is_told(self):
        def chain():
            try:
                {}["inner"]
            except KeyError as e:
                raise ValueError("outer") from e

        _, e = self.raised(chain)
        told = exception_utils.retrieve_remote_error_info(e).exc_tb
        self.assertIn("KeyError: 'inner'", told)
        self.assertIn("direct cause", told)
        self.assertNotIn("ValueError: outer", told)  # the client prints that line itself

    def test_exception_that_cannot_be_pickled(self):
        def lock():
            import threading

            e = ValueError("holds lock")
            e.lock = threading.Lock()
            raise e

        done, e = self.raised(lock)
        self.assertEqual((type(e), str(e)), (ValueError, "holds lock"))
        self.assertIn(", in lock", exception_utils.retrieve_remote_error_info(e).exc_tb)
        self.assertIn("lock", done.form["serialize_error"])

    def test_operating_system_error_keeps_its_fields(self):
        def missing():
            open("/no/such/file")

        _, e = self.raised(missing)
        self.assertEqual((type(e), e.filename, e.errno), (FileNotFoundError, "/no/such/file", 2))

    def test_value_that_cannot_be_pickled(self):
        def lock():
            import threading

            return threading.Lock()

        done = self.call(lock)
        self.assertEqual((done.code, done.form["success"]), (0, True))
        self.assertIn("cannot pickle", str(done.error()) + str(done.error().__cause__))

    def test_dict_that_the_client_cannot_read(self):
        def f():
            return {1: {2}}

        done = self.call(f)
        self.assertIn("list(d.items())", done.form["serialize_error"])
        # If a newer client can read it, the refusal should go:
        with self.assertRaises(AttributeError):
            interop.DEFAULT_PROTOCOL._protocols[-1]._unpack_obj({1: {2}})

    def test_exits(self):
        table = [("0", 0, None), ("None", 0, None), ("3", 3, "sys.exit(3)"), ("'gone'", 1, "sys.exit('gone')"), ("256", 1, "sys.exit(256)"), ("True", 1, "sys.exit(True)")]
        for code, status, text in table:
            with self.subTest(code=code):
                done = self.script("import sys\nprint('before', end='')\nsys.exit(%s)\n" % code)
                self.assertEqual(done.code, status)
                self.assertIn("before", done.out)
                if text is None:
                    self.assertIsNone(done.value())
                    self.assertIn("ML job finished", done.out)
                else:
                    self.assertIn(text, str(done.error()))
                    self.assertEqual(done.form["metadata"]["type"], "builtins.RuntimeError")
        self.assertIn("gone", self.script("import sys\nsys.exit('gone')").err)

    def test_interrupt_and_others(self):
        def interrupt():
            raise KeyboardInterrupt("stop")

        def deep():
            return deep()

        done, e = self.raised(interrupt)
        self.assertIs(type(e), KeyboardInterrupt)
        _, e = self.raised(deep)
        self.assertIs(type(e), RecursionError)

    def test_no_python(self):
        for name, text, kind in (("a.py", "def f(:\n", SyntaxError), ("b.py", "\0", (SyntaxError, ValueError))):
            done = self.script(text, name=name)
            self.assertEqual(done.code, 1)
            self.assertIsInstance(done.error(), kind)

    def test_missing_entrypoint(self):
        done = self.launch("/mnt/job_stage/app/none.py")
        self.assertEqual(done.code, 1)
        self.assertIn("neither a file of the payload nor a command", str(done.error()))
        self.assertEqual(self.launch().code, 1)

    def test_result_that_cannot_be_written(self):
        self.results.write_text("a file where the folder should be")
        done = subprocess.run(
            [sys.executable, os.path.join(LAUNCHER, "launcher.py"), "true"], env=self.env, capture_output=True, text=True, timeout=60
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("could not be written", done.stderr)


class Versions(Case):
    def test_function_of_another_python(self):
        def f():
            return 1

        setattr(f, constants.IS_MLJOB_REMOTE_ATTR, True)
        text = payload_utils.generate_python_code(f)
        (self.app / "func.py").write_text(text.replace("serialized using Python " + PYTHON, "serialized using Python " + OTHER))
        done = self.launch(str(self.app / "func.py"), "--script_main_func", "func")
        self.assertEqual(done.code, 1)
        self.assertIn("runs Python " + PYTHON, str(done.error()))
        self.assertIn("with Python " + OTHER, str(done.error()))

    def test_arguments_of_another_python(self):
        (self.app / "func.py").write_text("def func(x):\n    return x\n")
        form = {"value": None, "protocol": {"name": "cloudpickle", "metadata": {"python_version": OTHER}, "manifest": {"base64": "gAVLAS4="}}}
        done = self.launch(str(self.app / "func.py"), "--script_main_func", "func", "--function_args", json.dumps(form))
        self.assertIn("arguments were serialized with Python " + OTHER, str(done.error()))

    def test_results_across_pythons(self):
        by_value = "class A: pass\n__return__ = %s\n"
        done = self.script(by_value % "A()", FIRN_CLIENT_PYTHON=OTHER)
        self.assertEqual(done.code, 0)
        self.assertFalse((self.results / "mljob_extra.pkl").exists())
        self.assertIn("client's Python " + OTHER, done.form["serialize_error"])
        self.assertEqual(type(self.script(by_value % "A()", FIRN_CLIENT_PYTHON=PYTHON).value()).__name__, "A")
        self.assertEqual(self.script("__return__ = {'a': {1, 2}}", FIRN_CLIENT_PYTHON=OTHER).value(), {"a": {1, 2}})
        done = self.script("class E(Exception): pass\nraise E('sent in words')", FIRN_CLIENT_PYTHON=OTHER)
        self.assertIn("sent in words", str(done.error()))


class Scripts(Case):
    ECHO = "import sys\nprint('hello', sys.argv[1:])\n__return__ = sys.argv[1:]\n"

    def test_words_are_the_users(self):
        table = [
            [], ["--x", "1", "pos", "--y=2", "a'b\\c"], ["-h"], ["--script", "zz", "tail"], ["a", "--", "b", "--flag", "c"],
            ["x", "--script_main_func", "y"], ["--function_args={}"], ["x", "--function_args", "q"], ["", " ", "é"],
        ]  # fmt: skip
        for words in table:
            with self.subTest(words=words):
                done = self.script(self.ECHO, *words)
                self.assertEqual((done.code, done.value()), (0, words), done.err)

    def test_long_words(self):
        file = self.stage / "words.json"
        for size in (900 << 10, 1100 << 10, 3 << 20):
            with self.subTest(size=size):
                file.write_text(json.dumps({"2": "ä" * (size // 2), "4": "\n"}))
                text = "import os, sys\n__return__ = [len(sys.argv[2]), sys.argv[1], sys.argv[3:], 'FIRN_LONG_WORDS' in os.environ]\n"
                done = self.script(text, "a", "", "b", "", FIRN_LONG_WORDS=str(file))
                self.assertEqual((done.code, done.value()), (0, [size // 2, "a", ["b", "\n"], False]), done.err)

    def test_log(self):
        done = self.script("import logging\nprint('out')\nlogging.info('shown')\nlogging.getLogger('snowflake.x').info('not shown')\n")
        line = "-" * 32
        self.assertEqual(done.out, "%s\nML job started\n%s\nout\n%s\nML job finished\n%s\n" % ((line,) * 4))
        self.assertEqual(done.out, "%s\nout\n%s\n" % (constants.LOG_START_MSG, constants.LOG_END_MSG))
        self.assertIn("INFO - shown", done.err)
        self.assertNotIn("not shown", done.err)

    def test_output_is_not_held_back(self):
        (self.app / "main.py").write_text("import sys\nprint('first')\nsys.stdin.read()\n")
        job = subprocess.Popen(
            [sys.executable, os.path.join(LAUNCHER, "launcher.py"), str(self.app / "main.py")],
            env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        lines = [job.stdout.readline() for _ in range(4)]
        job.communicate()
        self.assertEqual(lines[3], "first\n")

    def test_banner_is_one_write(self):
        (self.app / "main.py").write_text("pass\n")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # keeps writes apart
        with ours:
            with theirs:
                job = subprocess.Popen([sys.executable, os.path.join(LAUNCHER, "launcher.py"), str(self.app / "main.py")], env=self.env, stdout=theirs)
            writes = [ours.recv(4096).decode() for _ in range(2)]
            self.assertEqual(job.wait(), 0)
        self.assertEqual(writes, [constants.LOG_START_MSG + "\n", constants.LOG_END_MSG + "\n"])

    def test_payload_is_importable_and_hides_us(self):
        (self.app / "pkg").mkdir()
        (self.app / "pkg" / "m.py").write_text("x = 5\n")
        (self.app / "launcher.py").write_text("whose = 'mine'\n")
        with zipfile.ZipFile(self.app / "helper.py.zip", "w") as z:
            z.writestr("helper.py", "def inc(x): return x + 1\n")
        (self.app / "data.csv").write_text("1,2")
        (self.app / "no.zip").write_text("no archive")
        done = self.script(
            "import os, sys, helper, launcher, pkg.m, __main__\n"
            "__return__ = [helper.inc(pkg.m.x), launcher.whose, open('data.csv').read(), __main__.__file__, %r in sys.path]\n" % LAUNCHER
        )
        self.assertEqual(done.value(), [6, "mine", "1,2", str(self.app / "main.py"), False], done.err)

    def test_entry_in_a_folder(self):
        self.assertEqual(self.script("import os\n__return__ = os.getcwd()", name="src/deep/main.py").value(), str(self.app))

    def test_classes_of_the_script_come_back(self):
        got = self.script("class A:\n    def __init__(self): self.x = {1}\n__return__ = A()\n").value()
        self.assertEqual((type(got).__name__, got.x), ("A", {1}))

    def test_multiprocessing(self):
        text = (
            "import multiprocessing as mp\ndef f(x): return x * 2\nif __name__ == '__main__':\n"
            "    with mp.get_context('spawn').Pool(2) as p: __return__ = p.map(f, [1, 2])\n"
        )
        self.assertEqual(self.script(text).value(), [2, 4])
        (self.app / "work.py").write_text("def f(x): return x * 3\n")

        def fan():
            import multiprocessing as mp

            import work

            with mp.get_context("spawn").Pool(2) as p:
                return p.map(work.f, [1, 2])

        self.assertEqual(self.call(fan).value(), [3, 6])

    def test_closed_output(self):
        done = self.script("import sys\nsys.stdout.close()\n__return__ = 4\n")
        self.assertEqual((done.code, done.value()), (0, 4))


class Commands(Case):
    def test_command(self):
        done = self.launch("echo", "hi", "--script_main_func", "q")
        self.assertEqual(done.code, 0)
        self.assertIn("\nhi --script_main_func q\n", done.out)
        self.assertIsNone(done.value())

    def test_failing_command(self):
        done = self.launch("sh", "-c", "exit 7")
        self.assertEqual(done.code, 1)
        self.assertEqual((type(done.error()), done.error().returncode), (subprocess.CalledProcessError, 7))

    def stopped(self, *words):
        """Runs a command as the job and sends SIGTERM once it says "up"; gives the exit code and what it said after that."""
        job = subprocess.Popen([sys.executable, os.path.join(LAUNCHER, "launcher.py"), *words], env=self.env, stdout=subprocess.PIPE, text=True)
        self.addCleanup(job.stdout.close)
        self.addCleanup(job.kill)
        for line in job.stdout:
            if line == "up\n":
                break
        job.send_signal(signal.SIGTERM)
        out, _ = job.communicate(timeout=60)
        return job.returncode, out

    def test_cancelled_command_can_say_goodbye(self):
        text = (
            "import signal, sys\nstop = {signal.SIGTERM}\nsignal.pthread_sigmask(signal.SIG_BLOCK, stop)\n"
            "print('up', flush=True)\nif signal.sigtimedwait(stop, 60): print('bye'); sys.exit(3)\n"
        )
        code, out = self.stopped("python", "-c", text)
        self.assertEqual((code, out), (1, "bye\n"))
        self.assertIn("status 3", json.loads((self.results / "mljob_result").read_text())["metadata"]["message"])

    def test_cancelled_command_that_obeys(self):
        code, out = self.stopped("sh", "-c", "echo up; exec sleep 60")
        self.assertEqual((code, out), (-signal.SIGTERM, ""))
        self.assertFalse((self.results / "mljob_result").exists())  # that the job was cancelled is the server's to say

    def test_python_program_on_the_path(self):
        tool = self.stage / "tool"
        tool.write_text("#!%s\nimport sys\n__return__ = sys.argv\n" % sys.executable)
        tool.chmod(0o755)
        done = self.launch("tool", "a", PATH=str(self.stage) + os.pathsep + self.env["PATH"])
        self.assertEqual(done.value(), [str(tool), "a"])


class Instances(Case):
    def test_every_instance_runs_and_records(self):
        text = "import os\ni = os.environ['SNOWFLAKE_JOB_INDEX']\nif i == '2': raise TypeError('two')\nif i == '3': raise SystemExit(3)\n__return__ = i\n"
        before = time.time()
        codes = [self.script(text, MLRS_LAUNCH_BACKEND="passthrough", SNOWFLAKE_JOB_INDEX=str(i)).code for i in range(4)]
        self.assertEqual(codes, [0, 0, 1, 3])
        records = [json.loads((self.results / "instances" / ("%d.json" % i)).read_text()) for i in range(4)]
        self.assertEqual([r["exit_code"] for r in records], codes)
        self.assertTrue(all(before <= r["ended_at"] <= time.time() for r in records))
        self.assertEqual(["exc" in r for r in records], [False, False, True, True])
        exc = records[2]["exc"]
        error = exception_utils.build_exception(exc["type"], exc["message"], exc["traceback"], exc["repr"])
        self.assertEqual((type(error), str(error)), (TypeError, "two"))
        self.assertEqual(json.loads((self.results / "mljob_result").read_text())["value"], "0")  # the first instance's alone

    def test_other_instances_wait_to_be_stopped(self):
        (self.app / "main.py").write_text("raise SystemExit('ran')")
        job = subprocess.Popen(
            [sys.executable, "-c", "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, {15})\nimport launcher\nprint('up', flush=True)\nraise SystemExit(launcher.main(['main.py']))"],
            env={**self.env, "SNOWFLAKE_JOB_INDEX": "1", "PYTHONPATH": LAUNCHER}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.assertEqual(job.stdout.readline(), b"up\n")
        job.send_signal(signal.SIGTERM)
        out, _ = job.communicate(timeout=60)
        self.assertEqual((job.returncode, out), (0, b""))
        self.assertFalse(self.results.exists())


class Snowflake(http.server.BaseHTTPRequestHandler):
    """As much of a server as a session needs to open and close; counts the logins."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        import gzip

        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        data = None
        if "login-request" in self.path:
            self.server.logins.append(json.loads(body)["data"])
            data = {"token": "t", "masterToken": "m", "parameters": [{"name": "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY", "value": 3600}], "sessionId": len(self.server.logins), "sessionInfo": {}, "validityInSeconds": 3600, "masterValidityInSeconds": 14400}
        elif "query-request" in self.path:
            data = {"queryId": "01", "rowtype": [], "rowset": [], "total": 0, "returned": 0, "queryResultFormat": "json", "parameters": [], "statementTypeId": 4096}
        elif self.path.startswith("/session?delete=true"):
            self.server.logouts.append(1)
        reply = json.dumps({"success": True, "code": None, "message": None, "data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


class Sessions(Case):
    def setUp(self):
        super().setUp()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Snowflake)
        self.server.logins, self.server.logouts = [], []
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(self.server.shutdown)
        (self.stage / "token").write_text("secret-token\n")
        self.env.update(
            SNOWFLAKE_ACCOUNT="FIRN", SNOWFLAKE_HOST="127.0.0.1", SNOWFLAKE_PORT=str(self.server.server_port), SNOWFLAKE_PROTOCOL="http",
            SNOWFLAKE_DATABASE="DB1", SNOWFLAKE_SCHEMA="S1", SNOWFLAKE_TOKEN_FILE=str(self.stage / "token"),
        )  # fmt: skip

    def test_not_made_unless_asked_for(self):
        done = self.script("import snowflake.snowpark\nfrom snowflake.snowpark import Session\n__return__ = 1\n")
        self.assertEqual((done.value(), self.server.logins), (1, []))

    def test_active_session(self):
        done = self.script(
            "from snowflake.snowpark import Session\nfrom snowflake.snowpark.context import get_active_session\n"
            "a, b, c = get_active_session(), Session.builder.getOrCreate(), Session.builder.getOrCreate()\n"
            "__return__ = [a is b is c, str(type(a))]\n"
        )
        self.assertEqual(done.value(), [True, "<class 'snowflake.snowpark.session.Session'>"], done.err)
        self.assertEqual((len(self.server.logins), len(self.server.logouts)), (1, 1))
        login = self.server.logins[0]
        self.assertEqual((login["AUTHENTICATOR"], login["TOKEN"], login["ACCOUNT_NAME"]), ("OAUTH", "secret-token", "FIRN"))
        self.assertNotIn("secret-token", done.out + done.err)

    def test_snowpark_loaded_before(self):
        """As in the child of a warm parent."""
        (self.app / "main.py").write_text("from snowflake.snowpark.context import get_active_session\nget_active_session()\n__return__ = 2\n")
        done = subprocess.run(
            [sys.executable, "-c", "import snowflake.snowpark, sys, launcher\nsys.exit(launcher.main(sys.argv[1:]))", str(self.app / "main.py")],
            env={**self.env, "PYTHONPATH": LAUNCHER}, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        self.assertEqual((done.returncode, len(self.server.logins)), (0, 1), done.stderr)

    def test_own_session_is_a_second_one(self):
        done = self.script(
            "import os\nfrom snowflake.snowpark import Session\nfrom snowflake.snowpark.context import get_active_session\n"
            "own = Session.builder.configs(dict(account='a', user='u', password='p', host='127.0.0.1', port=os.environ['SNOWFLAKE_PORT'], protocol='http')).create()\n"
            "try: get_active_session()\nexcept Exception as e: __return__ = e.error_code\n"
        )
        self.assertEqual((done.value(), len(self.server.logins)), ("1409", 2), done.err)

    def test_closed_is_closed(self):
        done = self.script(
            "from snowflake.snowpark.context import get_active_session\nget_active_session().close()\n"
            "try: get_active_session()\nexcept Exception as e: __return__ = e.error_code\n"
        )
        self.assertEqual((done.value(), len(self.server.logins)), ("1403", 1), done.err)

    def test_threads_share_one(self):
        done = self.script(
            "import threading\nfrom snowflake.snowpark import Session\nmade = []\n"
            "ts = [threading.Thread(target=lambda: made.append(Session.builder.getOrCreate())) for _ in range(8)]\n"
            "[t.start() for t in ts]; [t.join() for t in ts]\n__return__ = [len(made), len(set(map(id, made)))]\n"
        )
        self.assertEqual((done.value(), len(self.server.logins)), ([8, 1], 1), done.err)

    def test_injected(self):
        def f(session: Session, q, nested):
            return [type(session).__name__, q, session is Session.builder.getOrCreate(), nested["s"] is session, nested["l"][0] is session]

        packed = {"type@": tuple, "#0": {"type@": tuple, "session@#0": None, "#1": "q"}, "#1": {"nested": {"session@s": None, "l": {"type@": list, "session@#0": None}}}}
        folder = self.app / "1a2b3c4d"
        folder.mkdir()
        (folder / "mljob_extra.pkl").write_bytes(cloudpickle.dumps(packed))
        setattr(f, constants.IS_MLJOB_REMOTE_ATTR, True)
        (self.app / "func.py").write_text(payload_utils.generate_python_code(f))
        form = {"kind": "base", "value": None, "protocol": {"name": "cloudpickle", "version": cloudpickle.__version__, "metadata": {"python_version": PYTHON}, "manifest": {"path": "@S/d/app/1a2b3c4d/mljob_extra.pkl"}}}
        done = self.launch(str(self.app / "func.py"), "--script_main_func", "func", "--function_args=" + json.dumps(form))
        self.assertEqual(done.value(), ["Session", "q", True, True, True], done.err)
        self.assertEqual(len(self.server.logins), 1)

    def test_returned_session_is_a_mark(self):
        done = self.script("from snowflake.snowpark import Session\ns = Session.builder.getOrCreate()\n__return__ = {'a': [s, (1, {'t': s})], 'b': s}\n")
        self.assertEqual(done.value(), {"a": [None, (1, {"t": None})], "b": None}, done.err)  # no session on this side

    def test_unreachable(self):
        done = self.script(
            "from snowflake.snowpark import Session\nSession.builder.getOrCreate()\n", SNOWFLAKE_TOKEN_FILE=str(self.stage / "none")
        )
        self.assertEqual((done.code, type(done.error())), (1, FileNotFoundError))

    def test_no_server_no_session(self):
        done = self.script(
            "from snowflake.snowpark.context import get_active_session\ntry: get_active_session()\nexcept Exception as e: __return__ = e.error_code\n",
            SNOWFLAKE_ACCOUNT="",
        )
        self.assertEqual(done.value(), "1403", done.err)


if __name__ == "__main__":
    LAUNCHER = sys.argv.pop(1)
    logging.disable(logging.CRITICAL)  # the client's own warnings about results that are meant not to load
    unittest.main(verbosity=2)
