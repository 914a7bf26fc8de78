"""A launcher for tests: `-c CODE` or a script, as the interpreter itself would run it."""
import sys


def main(argv):
    scope = sys.modules["__main__"].__dict__
    if argv[0] == "-c":
        sys.argv = ["-c"] + argv[2:]
        exec(argv[1], scope)
    else:
        sys.argv = list(argv)
        with open(argv[0]) as f:
            exec(compile(f.read(), argv[0], "exec"), scope)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
