"""A small training project: reads a table, trains, prints what it does, answers with __return__."""

import argparse
import json
import time

from helpers.split import split
from snowflake.snowpark import Session

parser = argparse.ArgumentParser()
parser.add_argument("--table", required=True)
parser.add_argument("--depth", type=int, default=4)
options = parser.parse_args()

frame = Session.builder.getOrCreate().table(options.table).to_pandas()
train, test = split(frame)
print(f"{options.table}: {len(train)} rows to train on, {len(test)} to test on", flush=True)

from sklearn.ensemble import GradientBoostingClassifier  # noqa: E402  after the first line of log: it shows at once

model = GradientBoostingClassifier(n_estimators=1, max_depth=options.depth, warm_start=True, random_state=1)
accuracy = 0.0
for rounds in range(5, 21, 5):
    model.set_params(n_estimators=rounds)
    model.fit(train.drop(columns="TARGET"), train["TARGET"])
    accuracy = float(model.score(test.drop(columns="TARGET"), test["TARGET"]))
    print(json.dumps({"trees": rounds, "accuracy": round(accuracy, 3)}), flush=True)
    time.sleep(0.2)

__return__ = {"table": options.table, "depth": options.depth, "accuracy": accuracy}
