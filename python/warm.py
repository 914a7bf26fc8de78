"""The warm parent: imports a runtime's packages once, then every connection becomes one fork that runs one job.

Started by firn-shim with fd 3, a listening SOCK_SEQPACKET socket, and fd 4, a socket whose hang-up means that the shim is
gone. The arguments are the modules to import; one that is missing is skipped.

A connection goes: the fork makes a user namespace and says {"pid": N}; the shim maps it, builds the sandbox in it and sends
{} with descriptors: the namespaces pid, net, ipc, uts, cgroup, mnt, then stdin, stdout, stderr, the seccomp filter, a file
with the request {"env", "args", "cwd", "pids", "data"}, and the cgroup.procs files to join. The fork enters all that and forks the payload, which says
{"began": true} and runs launcher.main(args); the fork itself becomes a small reaper that reports the payload's end.
"""

import array
import atexit
import ctypes
import gc
import importlib
import json
import os
import resource
import signal
import site
import socket
import sys
import threading
import time
import traceback
import types

SPARE = 2  # forks that already wait for a connection: the cost of forking is paid before a job comes
INIT = "/.firn/init"
CONN = 3  # the descriptor of the listening socket, in a fork that of its connection

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NAME, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 1, 4, 15, 24, 38, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
CLONE_NEWUSER = 0x10000000
SECCOMP_SET_MODE_FILTER = 1
KEYCTL_JOIN_SESSION_KEYRING = 1
CAPABILITY_VERSION_3 = 0x20080522
SYS_SECCOMP, SYS_KEYCTL = {"x86_64": (317, 250), "aarch64": (277, 219)}[os.uname().machine]

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
pools = None  # threadpoolctl's controller: looking at every library takes 20 ms, so the parent does it


class Filter(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def check(result, what):
    if result < 0:
        e = ctypes.get_errno()
        raise OSError(e, what + ": " + os.strerror(e))


def receive(conn):
    """The descriptors of one message; none at the end."""
    fds = array.array("i")
    _, ancillary, flags, _ = conn.recvmsg(64, socket.CMSG_SPACE(64 * 4), socket.MSG_CMSG_CLOEXEC)
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        raise OSError("the message is too long")
    return list(fds)


def drop():
    """Root of the job's user namespace, no groups, no capabilities in any set, and no way to new ones."""
    try:
        os.setgroups([])
    except PermissionError:  # without root the kernel refuses; the groups were never mapped
        pass
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "ambient capabilities")
    for cap in range(64):
        if libc.prctl(PR_CAPBSET_DROP, cap, 0, 0, 0):
            break
    check(libc.capset((ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()), "capset")
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


def limit(what, soft, hard):
    """Only ever lowers."""
    top = resource.getrlimit(what)[1]
    if top != resource.RLIM_INFINITY:
        hard = min(hard, top)
    resource.setrlimit(what, (min(soft, hard), hard))


def enter(conn):
    """Runs in the parent's fork. Returns the request, in the payload's process only."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    check(libc.unshare(CLONE_NEWUSER), "user namespace")  # its owner is our uid: so we may enter what belongs to it
    conn.send(json.dumps({"pid": os.getpid()}).encode())
    fds = receive(conn)
    if not fds:
        os._exit(0)
    namespaces, (stdin, stdout, stderr, filt, file), groups = fds[:6], fds[6:11], fds[11:]
    req = json.loads(os.pread(file, os.fstat(file).st_size, 0))
    for fd in groups:
        os.write(fd, b"0")
    libc.syscall(SYS_KEYCTL, KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0)
    for fd in namespaces:  # that of pids counts for the next fork
        check(libc.setns(fd, 0), "setns")
    size = os.fstat(filt).st_size
    program = ctypes.create_string_buffer(os.pread(filt, size, 0), size)
    limit(resource.RLIMIT_CORE, 0, 0)
    limit(resource.RLIMIT_NOFILE, 4096, 65536)
    if req["pids"]:
        limit(resource.RLIMIT_NPROC, req["pids"], req["pids"])
    if req["data"]:
        limit(resource.RLIMIT_DATA, req["data"], req["data"])
    for old, new in (stdin, 0), (stdout, 1), (stderr, 2):
        os.dup2(old, new)
    os.closerange(CONN + 1, max(256, max(fds) + 1))
    drop()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # one that comes before the reaper is there waits for it
    pid = os.fork()
    if pid:
        os.execv(INIT, [INIT, "mid", str(pid)])
    os.setsid()
    libc.prctl(PR_SET_NAME, b"python", 0, 0, 0)
    check(libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "dumpable")  # the change of uid took it away
    prog = Filter(size // 8, ctypes.cast(program, ctypes.c_void_p).value)
    check(libc.syscall(SYS_SECCOMP, SECCOMP_SET_MODE_FILTER, 0, ctypes.byref(prog)), "seccomp")
    return req


def layer(prefix):
    """Makes this interpreter what `prefix`/bin/python would be: a venv whose .pth file adds the base."""
    base = [p for p in sys.path if p.endswith("site-packages")]
    rest = [p for p in sys.path if p not in base]
    sys.prefix = sys.exec_prefix = prefix
    sys.executable = prefix + "/bin/python"
    sys.path[:] = rest
    site.addsitedir(prefix + "/lib/python%d.%d/site-packages" % sys.version_info[:2])  # runs .pth files: here, inside
    sys.path[:] = sys.path + [p for p in base if p not in sys.path]
    importlib.invalidate_caches()


def signals():
    """As a fresh interpreter has them."""
    fresh = {signal.SIGINT: signal.default_int_handler, signal.SIGPIPE: signal.SIG_IGN, signal.SIGXFSZ: signal.SIG_IGN}
    for s in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        try:
            signal.signal(s, fresh.get(s, signal.SIG_DFL))
        except (OSError, ValueError):  # the C library's own
            pass
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def prepare(req):
    """Turns the fork into what a fresh interpreter with this environment would be."""
    env = req["env"] or {}
    signals()
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.umask(0o22)
    os.chdir(req["cwd"])
    sys.stdin = open(0, "r")
    sys.stdout = open(1, "w", buffering=1, closefd=False)
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()  # Python's own random does it after a fork, numpy's does not
    threads = env.get("OMP_NUM_THREADS", "")
    if pools and threads.isdigit():
        pools.limit(limits=int(threads))
    if env.get("VIRTUAL_ENV") and env["VIRTUAL_ENV"] != sys.prefix:
        layer(env["VIRTUAL_ENV"])
    for d in reversed(env.get("PYTHONPATH", "").split(":")):
        if d:
            sys.path.insert(0, d)


def payload(req, launcher):
    """As `python launcher.py args` would, up to the exit status."""
    sys.argv = [launcher.__file__] + req["args"]
    main = sys.modules["__main__"] = types.ModuleType("__main__")  # the payload pickles by this name; ours is none of its business
    main.__file__ = launcher.__file__
    try:
        code = launcher.main(list(req["args"]))
        code = 0 if code is None else int(code)
    except SystemExit as e:
        code = e.code if isinstance(e.code, int) else 0 if e.code is None else 1
        if e.code is not None and not isinstance(e.code, int):
            print(e.code, file=sys.stderr)
    except BaseException as e:
        traceback.print_exc()
        code = 130 if isinstance(e, KeyboardInterrupt) else 1
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
        code = code or 120
    os._exit(code & 0xFF)


def spare(server, used, launcher):
    """One fork's life: it waits for a connection, has itself replaced, and becomes a job."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # as long as it is idle it ends with the parent
    accepted, _ = server.accept()
    os.dup2(accepted.fileno(), CONN)  # in the server's place: everything above it is closed later
    server.detach()
    accepted.close()
    conn = socket.socket(fileno=CONN)
    try:
        libc.prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0)
        os.write(used, b"x")
        req = enter(conn)
        prepare(req)
        conn.send(b'{"began": true}')
        conn.close()
    except BaseException as e:
        try:
            conn.send(json.dumps({"error": "%s: %s" % (type(e).__name__, e)}).encode())
        finally:
            os._exit(99)
    payload(req, launcher)


def preload(modules):
    for m in modules:
        try:
            importlib.import_module(m)
        except Exception as e:
            print("warm: %s is skipped: %s: %s" % (m, type(e).__name__, e), flush=True)


def main():
    global pools
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # it has no pid namespace of its own that would end it
    began = time.monotonic()
    preload(sys.argv[1:])
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import launcher

    del sys.path[0]
    if "threadpoolctl" in sys.modules:
        pools = sys.modules["threadpoolctl"].ThreadpoolController()
    gc.collect()
    gc.freeze()  # a child's collector leaves the parent's pages shared
    server = socket.socket(fileno=CONN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    print("warm: ready after %.2f s" % (time.monotonic() - began), flush=True)
    used, use = os.pipe()
    os.write(use, b"x" * SPARE)
    while True:
        for _ in os.read(used, 64):
            if os.fork() == 0:
                spare(server, use, launcher)


if __name__ == "__main__":
    main()
