#!/usr/bin/env python3
"""Writes cases/*.csv and expected/*.json: what pandas says about the test tables.

Run it without arguments. The files in the repository were written with pandas 3.1.1 and
numpy 2.4.6; each JSON file names the pandas version that wrote it.

How pandas is asked:
- Missing cells are the empty one, "NA" and "NaN" only (pandas' own list is longer).
- Numbers are read with the default precision, which since pandas 3.1 adds no error.
- A column that pandas holds as float or int is "number", every other one "text". The exception is a
  table without rows, where pandas has no type to go by and this project says "number".
- What is NaN or infinite in a summary is null, as JSON has neither.
- In processed rows NaN and None are null.
"""

import io
import json
import math
import warnings
from pathlib import Path

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

HERE = Path(__file__).parent


def big_offset():
    values = "".join(f"{1e9 + k * 1e-3:.3f},{-(1e9 + k % 7 * 0.01):.2f}\n" for k in range(200))
    return "up,down\n" + values


# Each is a table that is hard in one way. Written as bytes: line endings and marks matter.
CASES = {
    "crlf": "name,height\r\nAnna,1.70\r\nBert,1.82\r\nCleo,\r\n",
    "no_final_newline": "name,height\nAnna,1.70\nBert,1.82",
    "quoted": 'place,note,n\n"Bergen, Norway","said ""hei""",1\n"Two\nlines","a,b\r\nc",2\n'
    '"Two\nlines",plain,"3"\n',
    "byte_order_mark": "\ufeffid,name\n1,Anna\n2,Bert\n",
    "byte_order_mark_quoted": '\ufeff"id","name"\r\n1,"Anna"\r\n2,"Bert"\r\n',
    "missing": "a,b,c,d\n1,NA,x,\nNaN,,NA,NA\n3,2.5,,NaN\n,nan,x,\n",
    "missing_with_space": "a,b\n1, NA\n2,x\n3,NA\n",
    "one_value": "n,t,m\n4.25,only,\n",
    "no_values": "a,b\n,\nNA,NaN\n,NA\n",
    "no_rows": "a,b\n",
    "constant": "n,t\n" + "7.5,same\n" * 9,
    "big_offset": big_offset(),
    "negative": "n\n-5\n-0.5\n3\n-1e2\n-0\n",
    "exponent": "n,m\n1e3,1E-7\n2.5e-3,+3e+2\n-1.5E+10,.5\n4.,5e0\n",
    "spaced_numbers": "n,t\n 1 ,1 2\n\t2,3\n3.5\t, 4 \n",
    "almost_numbers": "a,b,c,d\n1,1_000,0x10,1e\n2,2,3,4\nx,5,6,7\n",
    "infinite": "a,b,c,d\n1,inf,-inf,inf\n2,-Infinity,3,\n+INF,5,4,\n,0,5,\n",
    "huge": "n,m\n1e308,123456789012345678\n-1e308,123456789012345679\n1e-308,-5\n",
    "ties": "t,u\nb,z\na,y\nc,x\na,z\nb,y\nc,x\n",
    "unicode": "größe,名前\n1.5,雪\n2.5,Zoë\n3.5,雪\n4.5,🐧\n",
    "flags": "f,g\nTrue,true\nFalse,\nTrue,true\n",
    "blank_lines": "a,b\n\n1,x\n\n\n2,y\n\n",
    "one_column": 'a\n1\n""\n3\n',
    "empty_name": ",b\n1,2\n3,4\n",
    "leading_zeros": "code,zip\n007,01234\n7,AB1\n07.0,99999\n",
}


def read(data):
    frame = pd.read_csv(
        io.BytesIO(data),
        encoding="utf-8-sig",
        keep_default_na=False,
        na_values=["", "NA", "NaN"],
    )
    frame = frame.rename(columns={"Unnamed: 0": ""})
    for name in frame.columns:
        if is_bool_dtype(frame[name].dtype) or set(map(type, frame[name])) & {bool}:
            # Read again as text: pandas makes True and False of it, this project does not.
            frame[name] = pd.read_csv(
                io.BytesIO(data), dtype=str, keep_default_na=False, na_values=["", "NA", "NaN"]
            )[name]
    return frame


def figure(value):
    return float(value) if math.isfinite(value) else None


def describe(frame):
    columns = {}
    for name in frame.columns:
        column = frame[name]
        count = int(column.count())
        missing = int(column.isna().sum())
        if is_numeric_dtype(column.dtype) or len(frame) == 0:
            d = column.astype(float).describe()
            columns[name] = {
                "type": "number",
                "count": count,
                "missing": missing,
                "mean": figure(d["mean"]),
                "std": figure(d["std"]),
                "min": figure(d["min"]),
                "p25": figure(d["25%"]),
                "p50": figure(d["50%"]),
                "p75": figure(d["75%"]),
                "max": figure(d["max"]),
            }
        else:
            d = column.describe()
            columns[name] = {
                "type": "text",
                "count": count,
                "missing": missing,
                "distinct": int(d["unique"]),
                "top": d["top"],
                "freq": int(d["freq"]),
            }
    return {"rows": len(frame), "columns": columns}


def rows(frame):
    return [
        [None if pd.isna(cell) else cell for cell in row]
        for row in frame.astype(object).itertuples(index=False)
    ]


def processed(penguins):
    """Steps, and the pandas expression that they stand for."""
    p = penguins
    stable = {"kind": "stable"}

    def keep(column, cmp, value):
        return {"op": "filter", "column": column, "cmp": cmp, "value": value}

    yield "drop_missing", [{"op": "drop_missing"}], p.dropna()
    yield (
        "drop_missing_in_columns",
        [{"op": "drop_missing", "columns": ["bill_length_mm", "body_mass_g"]}],
        p.dropna(subset=["bill_length_mm", "body_mass_g"]),
    )
    yield "text_equal", [keep("species", "==", "Adelie")], p[p.species == "Adelie"]
    yield "text_not_equal", [keep("sex", "!=", "male")], p[p.sex != "male"]
    yield "text_less", [keep("island", "<", "Dream")], p[p.island < "Dream"]
    yield "text_greater_or_equal", [keep("island", ">=", "Dream")], p[p.island >= "Dream"]
    yield "number_equal", [keep("flipper_length_mm", "==", 181)], p[p.flipper_length_mm == 181]
    yield (
        "number_not_equal",
        [keep("bill_depth_mm", "!=", 18.0)],
        p[p.bill_depth_mm != 18.0],
    )
    yield "number_less", [keep("bill_length_mm", "<", 39.1)], p[p.bill_length_mm < 39.1]
    yield "number_less_or_equal", [keep("bill_length_mm", "<=", 39.1)], p[p.bill_length_mm <= 39.1]
    yield "number_greater", [keep("body_mass_g", ">", "5000")], p[p.body_mass_g > 5000]
    yield "number_greater_or_equal", [keep("body_mass_g", ">=", 5e3)], p[p.body_mass_g >= 5000]
    yield (
        "sort_number",
        [{"op": "sort", "column": "body_mass_g"}],
        p.sort_values("body_mass_g", **stable),
    )
    yield (
        "sort_number_descending",
        [{"op": "sort", "column": "body_mass_g", "descending": True}],
        p.sort_values("body_mass_g", ascending=False, **stable),
    )
    yield "sort_text", [{"op": "sort", "column": "sex"}], p.sort_values("sex", **stable)
    yield (
        "sort_text_descending",
        [{"op": "sort", "column": "sex", "descending": True}],
        p.sort_values("sex", ascending=False, **stable),
    )
    yield (
        "select",
        [{"op": "select", "columns": ["year", "species"]}],
        p[["year", "species"]],
    )
    yield "limit", [{"op": "limit", "rows": 5}], p.head(5)
    yield "limit_nothing", [{"op": "limit", "rows": 0}], p.head(0)
    yield "no_steps", [], p
    yield (
        "heaviest_gentoos",
        [
            {"op": "drop_missing"},
            keep("species", "==", "Gentoo"),
            keep("year", "!=", 2008),
            {"op": "sort", "column": "bill_depth_mm"},
            {"op": "sort", "column": "body_mass_g", "descending": True},
            {"op": "select", "columns": ["body_mass_g", "island", "bill_depth_mm"]},
            {"op": "limit", "rows": 10},
        ],
        p.dropna()[lambda d: d.species == "Gentoo"][lambda d: d.year != 2008]
        .sort_values("bill_depth_mm", **stable)
        .sort_values("body_mass_g", ascending=False, **stable)[
            ["body_mass_g", "island", "bill_depth_mm"]
        ]
        .head(10),
    )


def write(name, content):
    content = {"pandas": pd.__version__, **content}
    # One row a line keeps the files short and their differences readable.
    if "rows" in content:
        result = content.pop("rows")
        head = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1)[:-2]
        lines = ",\n".join(
            "  " + json.dumps(row, ensure_ascii=False, allow_nan=False) for row in result
        )
        text = f'{head},\n "rows": [\n{lines}\n ]\n}}\n'
    else:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
    (HERE / "expected" / f"{name}.json").write_text(text, encoding="utf-8", newline="\n")


def main():
    # Infinite and huge values are meant to overflow.
    warnings.simplefilter("ignore", RuntimeWarning)
    for folder in ("cases", "expected"):
        (HERE / folder).mkdir(exist_ok=True)
        for old in (HERE / folder).iterdir():
            old.unlink()
    penguins = (HERE / "penguins.csv").read_bytes()
    write("describe_penguins", {"summary": describe(read(penguins))})
    for name, text in CASES.items():
        data = text.encode()
        (HERE / "cases" / f"{name}.csv").write_bytes(data)
        write(f"describe_{name}", {"summary": describe(read(data))})
    for name, steps, frame in processed(read(penguins)):
        write(f"process_{name}", {"steps": steps, "columns": list(frame.columns), "rows": rows(frame)})


if __name__ == "__main__":
    main()
