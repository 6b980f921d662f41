"""The names of OpenMLDB's functions, for hints: its compiler says only that it cannot resolve a call."""

from __future__ import annotations

NAMES = frozenset(
    """
    abs acos add add_months array_combine array_contains array_join asin at atan atan2 avg avg_cate avg_cate_where
    avg_where bigint binary_label bool ceil ceiling char char_length character_length concat concat_ws continuous
    cos cot count count_cate count_cate_where count_where csv date date_format datediff day dayofmonth dayofweek
    dayofyear degrees discrete distinct_count double drawdown earth_distance entropy ew_avg exp farm_fingerprint
    first_value float floor gcformat get_json_object hash64 hex hour i16 i32 i64 identity if_null ifnull ilike_match
    inc int int16 int32 int64 integer is_null isin isnull join json_array_length lag last_day last_value lcase
    libsvm like_match list_except_by_key list_except_by_value ln locate log log10 log2 lower make_tuple map map_keys
    max max_cate max_cate_where max_where maximum median min min_cate min_cate_where min_where minimum minute month
    multiclass_label nth_value_where nvl nvl2 pmod pow power radians regexp_like regression_label replace reverse
    round second sin size smallint split split_array split_by_key split_by_value sqrt std stddev stddev_pop
    stddev_samp strcmp string substr substring sum sum_cate sum_cate_where sum_where tan timestamp top top1_ratio
    top_n_key_avg_cate_where top_n_key_count_cate_where top_n_key_max_cate_where top_n_key_min_cate_where
    top_n_key_ratio_cate top_n_key_sum_cate_where top_n_value_avg_cate_where top_n_value_count_cate_where
    top_n_value_max_cate_where top_n_value_min_cate_where top_n_value_ratio_cate top_n_value_sum_cate_where
    topn_frequency truncate ucase unhex unix_timestamp upper var_pop var_samp varchar variance week weekofyear
    window_split window_split_by_key window_split_by_value year
    """.split()  # noqa: SIM905
)
