"""The job's Python is the client's. Argument: what the client's is."""

import logging
import sys

from snowflake.ml.jobs import remote, submit_file
from snowflake.snowpark import Session

logging.getLogger("snowflake").setLevel(logging.ERROR)
mine = "%d.%d" % sys.version_info[:2]
assert len(sys.argv) == 1 or mine == sys.argv[1], mine
s = Session.builder.getOrCreate()
P = "SYSTEM_COMPUTE_POOL_CPU"
at = dict(stage_name="PAY", session=s)


@remote(P, **at)
def train(rows):
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    x = np.arange(rows, dtype=float).reshape(-1, 1)
    model = LogisticRegression().fit(x, (x[:, 0] > rows / 2).astype(int))
    return sys.version_info[:2], model


version, model = train(100).result()
assert tuple(version) == sys.version_info[:2], version
assert list(model.predict([[1.0], [99.0]])) == [0, 1]


class Mine:
    def __init__(self, x): self.x = x


@remote(P, **at)
def own(m): return Mine(m.x + 1)


assert own(Mine(1)).result().x == 2

# A function that was pickled by another Python is refused before anything runs.
def one(): return 1

other = "3.10" if mine != "3.10" else "3.11"
before = len(s.sql("show job services").collect())
nodes = s.sql(f"describe compute pool {P}").collect()[0].as_dict()["num_jobs"]
try:
    remote(P, runtime_environment="2.3-py" + other.replace(".", ""), **at)(one)()
except Exception as e:
    text = str(e)
    if f"Python {other} is not on this server" in text:
        print(f"there is no Python {other} here to be refused for")
    else:
        assert f"Python {mine}" in text and f"Python {other}" in text and "runtime_environment" in text, text
        print(text.splitlines()[-1])
else:
    raise AssertionError(f"a function of Python {mine} was taken for Python {other}")
assert len(s.sql("show job services").collect()) == before
assert nodes == s.sql(f"describe compute pool {P}").collect()[0].as_dict()["num_jobs"] == 0
s.close()
print("ok")
