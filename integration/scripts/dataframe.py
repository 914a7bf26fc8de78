"""What people do with DataFrames after the first steps: modes of saving, changes of tables, staged files, many threads, parameters."""

import datetime
import io
import threading

import pandas as pd
from firn_client import error
from snowflake.snowpark import Session, Window
from snowflake.snowpark import functions as F
from snowflake.snowpark import types as T
from snowflake.snowpark.exceptions import SnowparkSQLException

s = Session.builder.getOrCreate()


def rows(frame):
    return [tuple(r) for r in frame.collect()]


# a new schema or database is the current one; a dropped one no longer is; IF NOT EXISTS of one that is there changes nothing
s.sql("create schema DATAFRAME").collect()
assert s.get_current_schema() == '"DATAFRAME"'
s.sql("create schema if not exists PUBLIC").collect()
assert s.get_current_schema() == '"DATAFRAME"'
s.sql("create database DATAFRAME_DB").collect()
assert s.get_fully_qualified_current_schema() == '"DATAFRAME_DB"."PUBLIC"'
s.sql("drop database DATAFRAME_DB").collect()
assert rows(s.sql("select current_database(), current_schema()")) == [(None, None)]
s.use_schema("FIRN.DATAFRAME")

# every mode of save_as_table, on a table that is not there and on one that is
one = s.create_dataframe([(1, "a", 1.0), (2, "b", 2.0), (3, "c", 3.0)], schema=["ID", "N", "V"])
for mode, again in (("append", 6), ("overwrite", 3), ("truncate", 3), ("ignore", 3)):
    one.write.mode(mode).save_as_table("SAVED_" + mode)
    one.write.mode(mode).save_as_table("SAVED_" + mode)
    assert s.table("SAVED_" + mode).count() == again, mode
one.write.mode("errorifexists").save_as_table("SAVED")
with error(2002, "already exists", SnowparkSQLException):
    one.write.mode("errorifexists").save_as_table("SAVED")

# update, delete, merge
t = s.table("SAVED")
assert tuple(t.update({"V": F.col("V") * 10}, F.col("ID") == 1)) == (1, 0)
assert tuple(t.delete(F.col("ID") == 2)) == (1,)
src = s.create_dataframe([(1, "q", 100.0), (9, "n", 9.0)], schema=["ID", "N", "V"])
assert tuple(t.merge(src, t["ID"] == src["ID"], [F.when_matched().update({"V": src["V"]}), F.when_not_matched().insert({"ID": src["ID"], "N": src["N"], "V": src["V"]})])) == (1, 1, 0)
assert rows(t.sort("ID")) == [(1, "a", 100.0), (3, "c", 3.0), (9, "n", 9.0)]

# threads that share one session
answers = {}


def ask(i):
    answers[i] = [s.sql(f"select {i} + {k}").collect()[0][0] for k in range(20)]


threads = [threading.Thread(target=ask, args=(i,)) for i in range(6)]
for x in threads:
    x.start()
for x in threads:
    x.join()
assert answers == {i: [i + k for k in range(20)] for i in range(6)}, answers

# pivot, unpivot, sets, windows, nulls
m = s.create_dataframe([(1, 10, "JAN"), (1, 5, "JAN"), (2, 7, "FEB")], schema=["E", "A", "M"])
assert rows(m.pivot("M", ["JAN", "FEB"]).sum("A").sort("E")) == [(1, 15, None), (2, None, 7)]
assert rows(s.create_dataframe([(1, 10, 20)], schema=["E", "JAN", "FEB"]).unpivot("A", "M", ["JAN", "FEB"]).sort("M")) == [(1, "FEB", 20), (1, "JAN", 10)]
assert rows(m.rollup("E").agg(F.sum("A")).sort(F.col("E").asc_nulls_first())) == [(None, 22), (1, 15), (2, 7)]
gaps = s.create_dataframe([(1, "x", 1.5), (2, "y", None), (3, None, 3.5)], schema=["ID", "N", "V"])
assert rows(gaps.fillna({"N": "?", "V": 0.0}).sort("ID")) == [(1, "x", 1.5), (2, "y", 0.0), (3, "?", 3.5)]
assert rows(gaps.dropna()) == [(1, "x", 1.5)]
assert rows(gaps.select("ID", F.lag("V", 1, None, ignore_nulls=True).over(Window.order_by("ID"))).sort("ID")) == [(1, None), (2, 1.5), (3, 1.5)]
assert rows(gaps.select("ID").except_(m.select("E"))) == [(3,)]
assert gaps.union_all_by_name(m, allow_missing_columns=True).count() == 6
assert gaps.describe().count() == 5

# staged files: schema inference, readers, COPY both ways
s.sql("create stage FILES").collect()
s.file.put_stream(io.BytesIO(b'id,name,val\n1,x,1.5\n2,"y,z",\n'), "@FILES/a.csv", auto_compress=False)
csv = s.read.options({"INFER_SCHEMA": True, "PARSE_HEADER": True, "field_optionally_enclosed_by": '"'}).csv("@FILES/a.csv")
assert csv.columns == ['"id"', '"name"', '"val"'] and rows(csv.filter(F.col('"id"') == 2)) == [(2, "y,z", None)]
typed = s.read.schema(T.StructType([T.StructField(c, t) for c, t in (("ID", T.IntegerType()), ("N", T.StringType()), ("V", T.DoubleType()))]))
typed = typed.options({"skip_header": 1, "field_optionally_enclosed_by": '"'}).csv("@FILES/a.csv")
typed.copy_into_table("LOADED")
assert rows(s.table("LOADED").sort("ID")) == [(1, "x", 1.5), (2, "y,z", None)]
typed.copy_into_table("LOADED")
assert s.table("LOADED").count() == 2, "a file was loaded twice"
one.write.copy_into_location("@FILES/out/", file_format_type="parquet", header=True, overwrite=True)
assert rows(s.read.parquet("@FILES/out/").sort('"ID"')) == rows(one)

# pandas: every type comes back as it went
frame = pd.DataFrame({"I": pd.array([1, None], dtype="Int64"), "D": [datetime.date(2024, 1, 1), None], "T": pd.to_datetime(["2024-01-01 01:02:03.123456", None]), "L": [[1, 2], None], "O": [{"a": 1}, {"a": 2}], "B": [b"x", None]})
back = rows(s.create_dataframe(frame).sort(F.col("I").asc_nulls_last()))
assert back[0] == (1, datetime.date(2024, 1, 1), datetime.datetime(2024, 1, 1, 1, 2, 3, 123456), "[\n  1,\n  2\n]", '{\n  "a": 1\n}', b"x"), back[0]
assert back[1][:4] == (None, None, None, None)

# parameters are obeyed, or refused by name
s.sql("alter session set DATE_INPUT_FORMAT = 'DD/MM/YYYY', TIMESTAMP_INPUT_FORMAT = 'DD-MM-YYYY HH24:MI', DATE_OUTPUT_FORMAT = 'DD.MM.YYYY'").collect()
assert rows(s.sql("select '03/02/2024'::date, to_date('04/02/2024')::string, '03-02-2024 10:11'::timestamp")) == [(datetime.date(2024, 2, 3), "04.02.2024", datetime.datetime(2024, 2, 3, 10, 11))]
s.sql("alter session unset DATE_INPUT_FORMAT, TIMESTAMP_INPUT_FORMAT, DATE_OUTPUT_FORMAT").collect()
for name, value in (("WEEK_START", "1"), ("ROWS_PER_RESULTSET", "5"), ("QUOTED_IDENTIFIERS_IGNORE_CASE", "true"), ("TIMESTAMP_TYPE_MAPPING", "'TIMESTAMP_LTZ'")):
    with error(2, name, SnowparkSQLException):
        s.sql(f"alter session set {name} = {value}").collect()
s.sql("drop schema FIRN.DATAFRAME").collect()
s.close()
print("ok")
