"""What a literal holds changes no answer: texts with marks that SQL, templates and JSON go by, in every aggregate."""

from __future__ import annotations

from .conftest import Database

LITERALS = ('{"a":{"b":1}}', "{order}", "{0}{}}{", "it's \"''\\", "%s $1 r.f1 t1.c0", '"t" AS t1 -- /* ; FILTER (', "")
WHERE = "s = {}"
CHOSEN = "CASE WHEN s = {} THEN 'x' ELSE 'y' END"
CALLS = (
    *(f"{name}_where(c, {WHERE})" for name in ("count", "sum", "avg", "min", "max")),
    *(f"{name}_where(d, {WHERE})" for name in ("min", "max")),
    f"nth_value_where(c, 1, {WHERE})",
    *(f"{name}_cate_where(c, {WHERE}, k)" for name in ("count", "sum", "avg", "min", "max")),
    *(f"{name}_cate(c, {CHOSEN})" for name in ("count", "sum", "avg", "min", "max")),
    *(
        f"top_n_{what}_{name}_cate_where(c, {WHERE}, k, 2)"
        for what in ("key", "value")
        for name in ("count", "sum", "avg", "min", "max")
    ),
    *(f"top_n_{what}_ratio_cate(c, {WHERE}, k, 2)" for what in ("key", "value")),
    *(f"{name}({CHOSEN})" for name in ("count", "min", "max", "distinct_count", "entropy", "top1_ratio")),
    *(f"{name}({CHOSEN}, 2)" for name in ("topn_frequency", "top")),
    *(
        f"{name}(CASE WHEN {WHERE} THEN c ELSE 0 END)"
        for name in ("sum", "avg", "median", "stddev", "stddev_pop", "var_pop", "drawdown")
    ),
    f"ew_avg(CASE WHEN {WHERE} THEN c ELSE 0 END, 0.5)",
    f"size(window_split({CHOSEN}, 'z'))",
    f"count(CASE WHEN {WHERE} THEN first_value(c) END)",
)
COLUMNS = "id int, k string, ts timestamp, c int, d double, s string"
FRAMES = (
    "ROWS BETWEEN 9 PRECEDING AND CURRENT ROW",
    "ROWS_RANGE BETWEEN 9s PRECEDING AND CURRENT ROW MAXSIZE 3",
)


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def answers(database: Database, literal: str) -> list[str]:
    """The answers offline, in request mode, below a join and with GROUP BY, over rows that hold the literal."""
    rows = [(n, "a", 1000 * n, 5 - n, n / 2, literal if n % 2 else "other") for n in range(1, 4)]
    calls = [call.replace("{}", quoted(literal)) for call in CALLS]
    over = [c.replace(", 'z')", ", 'z') OVER w") if c.startswith("size") else f"{c} OVER w" for c in calls]
    items = ", ".join(f"{sql} AS x{place}" for place, sql in enumerate(over))
    grouped = ", ".join(f"{sql} AS x{place}" for place, sql in enumerate(calls) if "first_value" not in sql)
    frame = FRAMES[len(literal) % 2]
    window = f"WINDOW w AS (PARTITION BY k ORDER BY ts {frame})"
    database.create("r", COLUMNS, rows)
    found = [
        database.connection.execute(database.plan(f"SELECT id, {items} FROM r {window}", informed=False)).fetchall(),
        database.connection.execute(database.plan(f"SELECT k, {grouped} FROM r GROUP BY k", informed=False)).fetchall(),
    ]
    database.create("t", COLUMNS, rows[:-1])
    found.append(database.request(f"SELECT id, {items} FROM t {window}", rows[-1:]))
    names = ", ".join(f"q.x{place}" for place in range(len(over)))
    inner = f"SELECT k, ts, {items} FROM r {window}"
    found.append(database.request(f"SELECT t.id, {names} FROM t LAST JOIN ({inner}) AS q ON t.k = q.k", rows[:1]))
    return [repr(sorted(answer)) for answer in found]


def test_a_literal_is_only_a_value(database: Database) -> None:
    usual = answers(database, "plain")
    for literal in LITERALS:
        assert answers(database, literal) == usual, literal
