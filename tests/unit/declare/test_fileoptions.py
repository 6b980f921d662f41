"""Options of files in load_offline, load_online and extract."""

from __future__ import annotations

from typing import Any

import pytest

from dsflow import FeatureView, Table, Workflow
from dsflow.errors import DeclarationError


@pytest.fixture
def table() -> Any:
    with Workflow("w", project="p"):
        yield Table("t", database="db", a="int", b="string")


def test_a_file_without_header(table: Table) -> None:
    step = table.load_offline("/data/x.csv", delimiter="|", header=False, null_value="NA", check=False)
    assert step.statements[-1] == (
        "LOAD DATA INFILE '/data/x.csv' INTO TABLE t"
        " OPTIONS(format='csv', mode='overwrite', delimiter='|', header=false, null_value='NA')"
    )


def test_texts_are_literals(table: Table) -> None:
    step = table.load_online("/data/x.csv", delimiter="\t", quote="'", null_value="\\N", replace=True, check=False)
    assert step.statements[-1].endswith(
        r"OPTIONS(format='csv', mode='append', delimiter='\t', header=true, null_value='\\N', quote='\'')"
    )


def test_without_options_nothing_more_is_said(table: Table) -> None:
    csv, parquet = (
        table.load_offline("/x.csv", check=False),
        table.load_offline("/x", "p", format="parquet", check=False),
    )
    assert csv.statements[-1].endswith("OPTIONS(format='csv', mode='overwrite', header=true)")
    assert parquet.statements[-1].endswith("OPTIONS(format='parquet', mode='overwrite')")


def test_extract(table: Table) -> None:
    view = FeatureView("v", source=table, sql="SELECT a, b FROM t")
    step = view.extract("/out", delimiter="|", header=False, coalesce=1, check=False)
    assert step.statements[-1].endswith(
        "INTO OUTFILE '/out' OPTIONS(format='csv', mode='overwrite', delimiter='|', header=false, coalesce=1)"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delimeter": "|"}, "did you mean 'delimiter'"),
        ({"escape": '"'}, "a backslash is the escape"),
        ({"encoding": "gbk"}, "UTF-8 only"),
        ({"sep": "|"}, "OpenMLDB calls it delimiter"),
        ({"delimiter": ""}, "is no delimiter"),
        ({"delimiter": "\\"}, "is no delimiter"),
        ({"quote": "''"}, "is not one character"),
        ({"header": "no"}, "is neither True nor False"),
        ({"null_value": 0}, "is not a string"),
        ({"delimiter": "|", "quote": "|"}, "delimiter and quote are the same"),
        ({"format": "parquet", "delimiter": "|"}, "is an option of CSV files, not of parquet"),
        ({"format": "parquet", "header": False}, "is an option of CSV files, not of parquet"),
    ],
)
@pytest.mark.parametrize("load", ["load_offline", "load_online"])
def test_a_wrong_option_is_refused_with_its_place(
    table: Table, load: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DeclarationError) as raised:
        getattr(table, load)("/data/x.csv", **options)
    assert message in f"{raised.value.message} {raised.value.hint}"
    assert "test_fileoptions.py" in str(raised.value.where)
