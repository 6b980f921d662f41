"""The rows that a `PackedQuery` reads: those of a table with its windows' counts and sums, some millions at a time.

Rows with the same values of the columns that all windows go by stay together, so each chunk of the rows is computed by
itself: it is fetched by a hash of these columns, its windows are computed on one of several threads (`packedframes`),
and it goes on to the statement that writes it. Only a few chunks are in memory at once.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dsflow.embedded.compiler import PACKED_ROWS, ROW_COLUMN, CompiledQuery, PackedQuery
from dsflow.embedded.storage import quote

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from dsflow.embedded.jobs import JobRun
    from dsflow.embedded.packedframes import Array, Values

FEWEST_ROWS = 100_000
"""With fewer, DuckDB's windows are as quick."""

CHUNK_ROWS = 1_000_000
"""So many rows are fetched at a time, or more."""

CHUNKS = 8
"""Rather than more than so many the chunks become larger: for each of them the whole table is read once more."""

_MOST_CHUNKS = 64
"""With more than these, all that reading takes as long as DuckDB's own windows."""

_MOST_THREADS = 8
"""Each has a chunk in memory."""

_BYTES_MEANWHILE = 40
"""About so much takes a row while its windows are computed, beside its columns."""

_SAMPLE = 10_000
_BATCH_ROWS = 122_880


@contextlib.contextmanager
def source(run: JobRun, compiled: CompiledQuery) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """How to run a query in a job.

    Args:
        run: the job, whose connection is in the transaction in which the query was compiled.
        compiled: the query.

    Returns:
        The statement, and the connection that has the rows for it.
    """
    plan = _plan(run.connection, compiled.packed) if compiled.packed is not None else None
    if plan is None:
        yield run.connection, compiled.sql
        return
    with run.beside() as connection, contextlib.closing(_Stream(run, plan)) as stream:
        connection.register(PACKED_ROWS, stream.reader())
        try:
            yield connection, plan.query.sql
        except Exception as error:
            if stream.failure is not None:  # DuckDB tells it as an error of its own
                raise stream.failure from error
            raise
        finally:
            connection.unregister(PACKED_ROWS)


@dataclass(frozen=True)
class _Plan:
    """How the rows are divided.

    Attributes:
        chunks: into so many.
        threads: so many are computed at once.
        schema: columns and types of a chunk as it is fetched.
    """

    query: PackedQuery
    chunks: int
    threads: int
    schema: pa.Schema

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are fetched."""
        return _columns(self.query)


def _columns(query: PackedQuery) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*query.columns, *query.needed, ROW_COLUMN]))


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(map(quote, names))


def _bucket(query: PackedQuery, chunks: int) -> str:
    return f"hash({_listed(query.shared)}) % {chunks}"


def _plan(connection: duckdb.DuckDBPyConnection, query: PackedQuery) -> _Plan | None:
    """How the rows of a query are divided; None where DuckDB's own windows are better."""
    if not query.shared:
        return None
    settings = "current_setting('threads'), parse_formatted_bytes(current_setting('memory_limit'))"
    ((count, threads, memory),) = connection.execute(f"SELECT count(*), {settings} FROM {query.rows}").fetchall()
    if count < FEWEST_ROWS:
        return None
    sample = connection.sql(f"SELECT {_listed(_columns(query))} FROM {query.rows} LIMIT {_SAMPLE}").to_arrow_table()
    each = sample.nbytes // sample.num_rows + 8 * (len(query.parts) + len(query.needed)) + _BYTES_MEANWHILE
    threads = min(threads, _MOST_THREADS)
    # those that are computed and the one that is written, in half of what DuckDB itself may take
    at_once, most = threads + 1, memory // 2 // each
    # some are larger than others
    wanted = min(max(CHUNK_ROWS, count // CHUNKS), most // at_once * 4 // 5)
    chunks = max(threads, -(-count // max(wanted, 1)))
    if chunks > _MOST_CHUNKS:
        return None
    sizes = f"SELECT count(*) AS rows FROM {query.rows} GROUP BY {_bucket(query, chunks)} ORDER BY rows DESC"
    ((largest,),) = connection.execute(f"SELECT sum(rows) FROM ({sizes} LIMIT {at_once})").fetchall()
    return _Plan(query, chunks, threads, sample.schema) if largest <= most else None


class _Stream:
    """The rows, chunk by chunk.

    Attributes:
        failure: why there are no more of them.
    """

    def __init__(self, run: JobRun, plan: _Plan) -> None:
        self.failure: Exception | None = None
        self._run = run
        self._plan = plan
        self._fetching = threading.Lock()
        self._pool = ThreadPoolExecutor(plan.threads, thread_name_prefix="packed-rows")

    def close(self) -> None:
        """Begin no further chunk, and wait for those that have begun."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def reader(self) -> pa.RecordBatchReader:
        """What DuckDB reads."""
        import pyarrow as pa

        query = self._plan.query
        stored = [self._plan.schema.field(name) for name in self._passed]
        schema = pa.schema([*stored, *(pa.field(name, pa.int64()) for name in query.parts)])
        return pa.RecordBatchReader.from_batches(schema, self._batches())

    @property
    def _passed(self) -> list[str]:
        return list(dict.fromkeys([*self._plan.query.columns, ROW_COLUMN]))

    def _batches(self) -> Iterator[pa.RecordBatch]:
        done = 0
        self._run.done(done, "rows")
        waiting: deque[Future[pa.Table]] = deque()
        numbers = iter(range(self._plan.chunks))
        try:
            while True:
                for number in numbers:
                    waiting.append(self._pool.submit(self._chunk, number))
                    if len(waiting) == self._plan.threads:
                        break
                if not waiting:
                    return
                table = waiting.popleft().result()
                yield from table.to_batches(max_chunksize=_BATCH_ROWS)
                done += table.num_rows
                self._run.done(done, "rows")
        except Exception as error:
            self.failure = error
            raise

    def _chunk(self, number: int) -> pa.Table:
        """One chunk, with its parts."""
        from dsflow.embedded.packedframes import compute

        query = self._plan.query
        chosen = f"{_bucket(query, self._plan.chunks)} = {number}"
        with self._fetching:
            self._run.check()
            table = self._run.connection.sql(
                f"SELECT {_listed(self._plan.columns)} FROM (SELECT * FROM {query.rows}) WHERE {chosen}"
            ).to_arrow_table()
        needed = {name: _values(table.column(name)) for name in query.needed}
        row = _values(table.column(ROW_COLUMN)).numbers
        found = compute(needed, row, query.time, list(query.parts.values()))
        table = table.select(self._passed)
        for name, values in zip(query.parts, found, strict=True):
            table = table.append_column(name, _arrow(values))
        return table


def _values(column: pa.ChunkedArray) -> Values:
    """A column as numbers; texts as numbers of their own, and 0 for what is only counted."""
    import numpy as np
    import pyarrow as pa

    from dsflow.embedded.packedframes import Values

    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        chunks = [chunk.indices for chunk in column.dictionary_encode().unify_dictionaries().chunks if len(chunk)]
    else:
        chunks = [chunk for chunk in column.chunks if len(chunk)]
    if not chunks:
        return Values(np.empty(0, np.int64))
    nulls = np.concatenate(list(map(_nulls, chunks))) if column.null_count else None
    if not (pa.types.is_integer(chunks[0].type) or pa.types.is_date32(chunks[0].type)):
        return Values(np.zeros(len(column), np.int8), nulls)
    return Values(np.concatenate(list(map(_numbers, chunks))), nulls)


def _numbers(array: pa.Array) -> Array:
    """The numbers of an array, where they lie; Arrow's own way to numpy loads pandas."""
    import numpy as np

    kind = np.dtype(f"i{array.type.bit_width // 8}")
    return np.frombuffer(array.buffers()[1], kind)[array.offset : array.offset + len(array)]


def _nulls(array: pa.Array) -> Array:
    import numpy as np

    known = array.buffers()[0]
    if known is None:
        return np.zeros(len(array), bool)
    bits = np.unpackbits(np.frombuffer(known, np.uint8), bitorder="little")
    nulls: Array = bits[array.offset : array.offset + len(array)] == 0
    return nulls


def _arrow(values: Values) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    known: Any = None
    if values.nulls is not None:
        known = pa.py_buffer(np.packbits(~values.nulls, bitorder="little"))
    return pa.Array.from_buffers(pa.int64(), len(values.numbers), [known, pa.py_buffer(values.numbers)])
