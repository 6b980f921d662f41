"""The functions by which a training step reads what OpenMLDB has extracted: part files as numbers, a batch at a time.

A worker has no dsflow, so each is complete in itself: a script holds its text, or imports it where dsflow is.
They need numpy and pyarrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


def find_parts(path: str, columns: Sequence[str]) -> list[Any]:
    """The part files of a folder that hold rows, each as a pyarrow dataset, in the order of their names.

    Args:
        path: a folder of CSV files with a header line or of parquet files, or one such file.
        columns: what each file must have, as numbers.

    Raises:
        SystemExit: there are no files or both kinds, one cannot be read, a column is missing or no number, or no file
            has a row; it says which.
    """
    import sys
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.dataset as ds

    found = [Path(path)] if Path(path).is_file() else sorted(Path(path).glob("[!._]*.*"))
    files = [file for file in found if file.suffix in (".csv", ".parquet") and file.stat().st_size]
    if len({file.suffix for file in files}) != 1:
        what = "both CSV and parquet files" if files else "no feature files; did the extraction run?"
        sys.exit(f"train: {path} holds {what}")
    parts = []
    for file in files:
        try:
            # a buffer for what comes next would hold the whole file in the end
            part = ds.dataset(file, format="csv" if file.suffix == ".csv" else ds.ParquetFileFormat(pre_buffer=False))
            kinds = dict(zip(part.schema.names, part.schema.types, strict=True))
            if lacking := [name for name in columns if name not in kinds]:
                sys.exit(f"train: {file} has no column {', '.join(lacking)}; it has {', '.join(kinds)}")
            if file.suffix == ".parquet" and not part.count_rows():
                continue
            for name in columns:
                kind = kinds[name]
                known = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_null)
                if not any(is_kind(kind) for is_kind in known):
                    sys.exit(f"train: the column {name} in {file} is to be a number; it is {kind}")
            if file.suffix == ".csv":  # whose first lines alone were looked at: fractions may come later
                options = pyarrow.csv.ConvertOptions(
                    column_types={name: pa.float64() for name in columns if not pa.types.is_boolean(kinds[name])}
                )
                part = ds.dataset(file, format=ds.CsvFileFormat(convert_options=options))
                if not part.head(1, batch_readahead=0).num_rows:
                    continue
            parts.append(part)
        except (pa.ArrowException, OSError) as error:
            sys.exit(f"train: cannot read {file}: {error}")
    if not parts:
        sys.exit(f"train: the feature files in {path} hold no rows; was the offline table loaded?")
    return parts


def read_parts(parts: Sequence[Any], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of part files, some hundred thousand at a time.

    Args:
        parts: as `find_parts` gives them.
        columns: which of their columns; one that a file does not have is left out of its batches.

    Yields:
        column name -> float32, NaN for NULL.

    Raises:
        SystemExit: a file cannot be read, or a text stands where numbers are to be.
    """
    import sys

    import pyarrow as pa

    for part in parts:
        wanted = [name for name in columns if name in part.schema.names]
        try:
            for batch in part.to_batches(columns=wanted, batch_readahead=4):
                numbers = (batch[name].cast(pa.float32(), safe=False) for name in wanted)
                yield {name: some.to_numpy(zero_copy_only=False) for name, some in zip(wanted, numbers, strict=True)}
        except (pa.ArrowException, OSError) as error:
            sys.exit(f"train: cannot read {part.files[0]}: {error}")
