"""Snowpark and write_pandas: tables, joins, aggregates, windows, Arrow results."""

import datetime
import decimal

import numpy as np
import pandas as pd
from snowflake.snowpark import Session, Window
from snowflake.snowpark import functions as F
from snowflake.snowpark.types import DecimalType, LongType, StringType, StructField, StructType

s = Session.builder.getOrCreate()
assert s.get_current_role() == '"ACCOUNTADMIN"', s.get_current_role()
assert s.get_current_database() == '"FIRN"' and s.get_current_schema() == '"PUBLIC"'
assert s.sql("select current_region()").collect()[0][0] == "AWS_US_WEST_2"

# write_pandas: new table, append, overwrite
frame = pd.DataFrame({"ID": range(1000), "NAME": [f"n{i % 7}" for i in range(1000)], "X": np.linspace(0, 1, 1000), "OK": [i % 2 == 0 for i in range(1000)]})
s.write_pandas(frame, "W", auto_create_table=True, overwrite=True)
back = s.table("W").order_by("ID").to_pandas()
pd.testing.assert_frame_equal(back.reset_index(drop=True), frame, check_dtype=False)
s.write_pandas(frame, "W")
assert s.table("W").count() == 2000
s.write_pandas(frame.head(5), "W", auto_create_table=True, overwrite=True)
assert s.table("W").count() == 5
s.write_pandas(pd.DataFrame({"lower": [1], "Mixed Case": ["x"]}), "q t", auto_create_table=True, overwrite=True)
assert s.table('"q t"').columns == ['"lower"', '"Mixed Case"'], s.table('"q t"').columns
assert s.table('"q t"').collect()[0].as_dict() == {"lower": 1, "Mixed Case": "x"}

# create_dataframe small and large (array binds), types, nulls
small = s.create_dataframe([[1, "a", 1.5, None], [2, None, 2.5, True]], schema=["A", "B", "C", "D"])
assert [tuple(r) for r in small.order_by("A").collect()] == [(1, "a", 1.5, None), (2, None, 2.5, True)]
large = s.create_dataframe([(i, f"v{i}", i / 4) for i in range(3000)], schema=["A", "B", "C"])
assert large.count() == 3000 and large.agg(F.sum("A")).collect()[0][0] == 3000 * 2999 // 2
typed = s.create_dataframe([[datetime.date(2024, 2, 29), datetime.datetime(2024, 1, 2, 3, 4, 5, 678901), decimal.Decimal("12.34"), b"\x01\xff", datetime.time(1, 2, 3)]],
                           schema=["D", "T", "N", "B", "TM"])
assert tuple(typed.collect()[0]) == (datetime.date(2024, 2, 29), datetime.datetime(2024, 1, 2, 3, 4, 5, 678901), decimal.Decimal("12.34"), b"\x01\xff", datetime.time(1, 2, 3)), typed.collect()
explicit = s.create_dataframe([(1, decimal.Decimal("1.10"))], schema=StructType([StructField("K", LongType()), StructField("V", DecimalType(10, 2))]))

# save_as_table in its modes; the column list comes from describe
large.write.save_as_table("L", mode="overwrite")
large.write.save_as_table("L", mode="append")
assert s.table("L").count() == 6000
explicit.write.save_as_table("E", mode="overwrite")
assert s.table("E").schema.fields[1].datatype == DecimalType(10, 2), s.table("E").schema
large.write.save_as_table("TMP", mode="overwrite", table_type="temporary")
assert s.table("TMP").count() == 3000

# joins, aggregates, windows, filters, case, union, distinct, sort, limit
left = s.create_dataframe([(1, "x"), (2, "y"), (3, "z")], schema=["ID", "N"])
right = s.create_dataframe([(1, 10), (1, 20), (3, 30)], schema=["ID", "V"])
joined = left.join(right, "ID", "left").group_by("N").agg(F.sum("V").alias("TOTAL"), F.count("V").alias("CNT")).order_by("N")
assert [tuple(r) for r in joined.collect()] == [("x", 30, 2), ("y", None, 0), ("z", 30, 1)], joined.collect()
ranked = right.with_column("R", F.row_number().over(Window.partition_by("ID").order_by(F.col("V").desc()))).filter(F.col("R") == 1).order_by("ID")
assert [tuple(r) for r in ranked.collect()] == [(1, 20, 1), (3, 30, 1)]
cased = left.select(F.when(F.col("ID") > 2, F.lit("big")).otherwise(F.lit("small")).alias("S")).distinct().order_by("S")
assert [r[0] for r in cased.collect()] == ["big", "small"]
assert left.union_all(left).count() == 6 and left.union(left).count() == 3
assert [r[0] for r in left.sort(F.col("ID").desc()).limit(2).select("ID").collect()] == [3, 2]
sql = s.sql("with t as (select ID, V, sum(V) over (partition by ID order by V) as RUN from (select * from values (1, 10), (1, 20), (3, 30) as v(ID, V))) select ID, max(RUN) as M from t group by ID having max(RUN) > 5 order by 1")
assert [tuple(r) for r in sql.collect()] == [(1, 30), (3, 30)]
assert s.sql("select 1 / 3 as Q, 7 % 3 as R, 1.10 + 2.205 as P, 'a' || 'b' as S").collect()[0].as_dict() == {"Q": decimal.Decimal("0.333333"), "R": 1, "P": decimal.Decimal("3.305"), "S": "ab"}
cached = large.filter(F.col("A") < 10).cache_result()
assert cached.count() == 10
parts = large.random_split([0.5, 0.5], seed=3)
assert sum(p.count() for p in parts) == 3000
big = s.sql("select seq4() as I, uniform(1, 10, random()) as U from table(generator(rowcount => 200000))").to_pandas()
assert len(big) == 200000 and big["U"].between(1, 10).all()
assert sum(len(p) for p in s.table("L").to_pandas_batches()) == 6000
job = s.table("L").collect_nowait()
assert len(job.result()) == 6000
shown = s.sql("show tables like 'L'").collect()
assert len(shown) == 1 and shown[0]["name"] == "L", shown
assert {r["name"] for r in s.sql("show tables in schema FIRN.PUBLIC").collect()} >= {"W", "L", "E", "q t"}
s.sql("create schema if not exists OTHER").collect()
s.sql("create or replace table OTHER.T (A int, B varchar(3))").collect()
s.sql("insert into OTHER.T values (1, 'abc'), (2, null)").collect()
s.sql("update OTHER.T set B = 'x' where A = 2").collect()
s.sql("delete from OTHER.T where A = 1").collect()
assert [tuple(r) for r in s.sql("select * from FIRN.OTHER.T").collect()] == [(2, "x")]
s.sql("drop table OTHER.T").collect()
s.sql("alter session set QUERY_TAG = 'tagged'").collect()
assert s.sql("show parameters like 'QUERY_TAG' in session").collect()[0]["value"] == "tagged"
s.close()
print("ok")
