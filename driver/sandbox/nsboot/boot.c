#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "/.firn/init"
#define CTL 3    /* seqpacket to the shim: the end goes out; its hang-up means that the shim is dead */
#define FILTER 4 /* memfd with the seccomp filter */

struct end {
	int32_t status, unused;
	int64_t cpu_us, max_kib;
};

static volatile sig_atomic_t term;

static void on_term(int s) {
	(void)s;
	term = 1;
}

static void on_chld(int s) { (void)s; }

static void filter(int fd) {
	static struct sock_filter f[4096];
	ssize_t n = pread(fd, f, sizeof f, 0);
	struct sock_fprog p = {.len = n > 0 ? n / sizeof f[0] : 0, .filter = f};
	if (n <= 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p)) {
		dprintf(2, "firn: seccomp: %s\n", strerror(errno));
		_exit(125);
	}
	close(fd);
}

static int64_t micros(struct timeval t) { return (int64_t)t.tv_sec * 1000000 + t.tv_usec; }

/* Waits for the payload (0: there is none, only hold the namespaces), reaps orphans, passes SIGTERM to the payload, ends
 * when the shim is gone. As pid 1 its end is the end of everything in the namespace. */
static void reap(pid_t payload, int is_init) {
	struct sigaction t = {.sa_handler = on_term}, c = {.sa_handler = on_chld};
	sigset_t both, orig;
	sigemptyset(&both);
	sigaddset(&both, SIGTERM);
	sigaddset(&both, SIGCHLD);
	sigprocmask(SIG_BLOCK, &both, &orig); /* they come only inside ppoll */
	sigaction(SIGTERM, &t, 0);
	sigaction(SIGCHLD, &c, 0);
	sigdelset(&orig, SIGTERM);
	sigdelset(&orig, SIGCHLD);
	if (payload && is_init) send(CTL, "r", 1, MSG_NOSIGNAL); /* a SIGTERM from now on reaches the payload; before, pid 1 would lose it */
	struct pollfd p = {.fd = CTL};
	for (;;) {
		int st;
		pid_t r;
		struct rusage u;
		while ((r = wait4(-1, &st, WNOHANG, &u)) > 0)
			if (r == payload) {
				struct end e = {.status = st, .cpu_us = micros(u.ru_utime) + micros(u.ru_stime), .max_kib = u.ru_maxrss};
				send(CTL, &e, sizeof e, MSG_NOSIGNAL);
				_exit(0);
			}
		if (term) {
			term = 0;
			if (payload) kill(payload, SIGTERM);
		}
		if (ppoll(&p, 1, 0, &orig) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL))) {
			if (payload && !is_init) { /* outside of the payload's namespace: unreaped it would hold up that one's end */
				kill(payload, SIGKILL);
				waitpid(payload, &st, 0);
			}
			_exit(137);
		}
	}
}

/* Only ever lowers: raising, or the shim's prlimit, would need a capability over the owner of the job's namespace. */
static void limit(int what, rlim_t soft, rlim_t hard) {
	struct rlimit l;
	if (getrlimit(what, &l)) return;
	if (l.rlim_max < hard) hard = l.rlim_max;
	l.rlim_cur = soft < hard ? soft : hard;
	l.rlim_max = hard;
	setrlimit(what, &l);
}

static void quiet(void) {
	int n = open("/dev/null", O_RDWR);
	dup2(n, 0);
	dup2(n, 1);
	dup2(n, 2);
	if (n > 4) close(n);
}

/* init pid1 hold PIDS DATA, or init pid1 run PIDS DATA PROGRAM ARGS... */
static void pid1(char **argv, char **envp) {
	prctl(PR_SET_NAME, "firn-init");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0); /* the payload has the same uid: it may not ptrace us and forge or stop its own end */
	limit(RLIMIT_NOFILE, 4096, 65536);
	limit(RLIMIT_CORE, 0, 0);
	if (atoll(argv[3])) limit(RLIMIT_NPROC, atoll(argv[3]), atoll(argv[3]));
	if (atoll(argv[4])) limit(RLIMIT_DATA, atoll(argv[4]), atoll(argv[4]));
	fcntl(CTL, F_SETFD, FD_CLOEXEC);
	filter(FILTER);
	pid_t pid = 0;
	if (!strcmp(argv[2], "run")) {
		pid = fork();
		if (pid < 0) {
			dprintf(2, "firn: fork: %s\n", strerror(errno));
			_exit(126);
		}
		if (pid == 0) {
			sigset_t none;
			sigemptyset(&none);
			sigprocmask(SIG_SETMASK, &none, 0);
			for (int s = 1; s < NSIG; s++) signal(s, SIG_DFL); /* what the server ignores is no business of the job's */
			setsid();
			execvpe(argv[5], argv + 5, envp);
			dprintf(2, "firn: %s: %s\n", argv[5], strerror(errno));
			_exit(errno == ENOENT ? 127 : 126);
		}
	}
	quiet();
	reap(pid, 1);
}

/* init mid PID: what the warm parent's fork becomes once its child, the payload, is on its way */
static void mid(char **argv) {
	prctl(PR_SET_NAME, "firn-mid");
	prctl(PR_SET_DUMPABLE, 0);
	quiet();
	reap(atoi(argv[2]), 0);
}

static void put(const char *path, const char *s) {
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, s, strlen(s)) < 0) {
		dprintf(2, "firn: user namespace: %s: %s\n", path, strerror(errno));
		_exit(1);
	}
	close(fd);
}

static void enter(const char *how) {
	char m[64];
	uid_t u = geteuid();
	gid_t g = getegid();
	if (how[0] == '/') {
		int fd = open(how, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && !setns(fd, CLONE_NEWUSER)) {
			close(fd);
			return;
		}
		if (fd >= 0) close(fd); /* its last process has just ended */
	}
	if (unshare(CLONE_NEWUSER)) {
		dprintf(2, "firn: user namespaces are not to be had here: %s\n", strerror(errno));
		_exit(1);
	}
	put("/proc/self/setgroups", "deny");
	snprintf(m, sizeof m, "0 %u 1", u);
	put("/proc/self/uid_map", m);
	snprintf(m, sizeof m, "0 %u 1", g);
	put("/proc/self/gid_map", m);
}

__attribute__((constructor)) static void boot(int argc, char **argv, char **envp) {
	if (argc > 2 && !strcmp(argv[0], NAME)) {
		if (!strcmp(argv[1], "pid1") && argc > 4 && (strcmp(argv[2], "run") || argc > 5)) pid1(argv, envp);
		if (!strcmp(argv[1], "mid")) mid(argv);
		_exit(2);
	}
	const char *how = getenv("FIRN_ENTER_USERNS");
	if (how && geteuid() != 0) enter(how);
}
