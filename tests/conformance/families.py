"""OpenMLDB's cases by what they are about, and the table of how they went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tests.conformance.harness import Case, Outcome

# family: the tags of its cases; a case is in each family that it has a tag of
FAMILIES: dict[str, str] = {
    "windows": "window rows rows_range preceding_to_preceding unbounded open_bound maxsize exclude_current_row"
    " exclude_current_time",
    "window UNION": "union instance_not_in_window",
    "LAST JOIN": "last_join",
    "LEFT JOIN": "left_join",
    "GROUP BY, HAVING": "group_by having",
    "WHERE, LIMIT": "where limit",
    "WITH, UNION, subqueries": "with set_union subquery",
    "several databases, parameters": "multi_db parameters batch_request",
    "long windows": "long_window",
    "aggregates": "sum count min max avg median stddev variance std stddev_samp stddev_pop var_samp var_pop drawdown"
    " entropy",
    "_where": "count_where sum_where avg_where min_where max_where",
    "_cate": "count_cate sum_cate avg_cate min_cate max_cate count_cate_where sum_cate_where avg_cate_where"
    " min_cate_where max_cate_where",
    "topn": "top topn_frequency top1_ratio top_n_key_count_cate_where top_n_key_sum_cate_where"
    " top_n_key_avg_cate_where top_n_key_min_cate_where top_n_key_max_cate_where top_n_value_count_cate_where"
    " top_n_value_sum_cate_where top_n_value_avg_cate_where top_n_value_min_cate_where top_n_value_max_cate_where"
    " top_n_key_ratio_cate top_n_value_ratio_cate",
    "distinct_count": "distinct_count",
    "ew_avg": "ew_avg",
    "lag, first_value, nth": "lag at first_value last_value nth_value_where",
    "date and time": "date_format datediff year month day dayofmonth dayofweek dayofyear week weekofyear hour minute"
    " second last_day add_months unix_timestamp timestamp_add",
    "text": "concat concat_ws substring substr strcmp upper lower ucase lcase reverse char_length replace like ilike"
    " like_match ilike_match rlike regexp_like hex",
    "maths": "abs ceil ceiling floor exp ln log log2 log10 pow power round sqrt truncate sin cos tan cot asin acos atan"
    " atan2 degrees radians hash64 earth_distance",
    "casts": "cast bool int int16 int32 int64 bigint smallint float double string timestamp date",
    "conditions": "case_when isnull is_null ifnull if_null nvl nvl2 in between identity",
    "lists, arrays, maps": "split split_by_key split_by_value window_split window_split_by_key window_split_by_value"
    " join size array_combine array_contains array_join split_array map map_keys list_except_by_key",
    "feature signatures": "continuous discrete binary_label multiclass_label regression_label csv libsvm gcformat",
}
OTHERS = "anything else"
KINDS = ("answered", "refused", "wrong", "unchecked")


def families(case: Case) -> list[str]:
    """The families of a case."""
    tags = set(case["tags"])
    found = [name for name, words in FAMILIES.items() if tags & set(words.split())]
    return found or [OTHERS]


def table(outcomes: Iterable[tuple[Case, Outcome]]) -> list[str]:
    """Lines: for each family how its cases went, in all, and how many that must fail did."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in (*FAMILIES, OTHERS, "all cases")}
    failing: Counter[bool] = Counter()
    for case, outcome in outcomes:
        for name in (*families(case), "all cases"):
            counts[name][outcome.kind] += 1
        if outcome.must_fail:
            failing[outcome.kind == "answered"] += 1
    lines = [f"{'':30}" + "".join(f"{kind:>11}" for kind in KINDS)]
    lines += [
        f"{name:30}" + "".join(f"{found[kind]:11}" for kind in KINDS) for name, found in counts.items() if found.total()
    ]
    return [*lines, f"of {failing.total()} that must fail, {failing[True]} do"]
