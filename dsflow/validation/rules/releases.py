"""What the cluster's release of OpenMLDB does not take."""

from __future__ import annotations

from collections.abc import Iterator

from dsflow.openmldb.releases import ASSUMED, RELEASES, REPEATED_REFUSED, SINCE, has_function, repeated
from dsflow.validation.model import Model, Problem, Query
from dsflow.validation.rules.base import rule


@rule("DSF113")
def other_release(model: Model) -> Iterator[Problem]:
    """A query that needs another release of OpenMLDB."""
    from sqlglot import exp

    release = model.release or ASSUMED
    for query in model.queries:
        if query.tree is None:
            continue
        for call in query.tree.find_all(exp.Anonymous):
            if not has_function(call.name, release):
                since = SINCE[call.name.lower()]
                yield model.problem_in_query(
                    query,
                    call,
                    f"{query.owner}: {call.name.lower()}() is in OpenMLDB since {since}, and the cluster's release is"
                    f" {release}",
                    f"write it otherwise, or update the cluster to {since}",
                )
        if "request" in query.modes:
            yield from _repeated(model, query, release)


def _repeated(model: Model, query: Query, release: str) -> Iterator[Problem]:
    """Aggregates written twice: an error on a cluster of that release, a warning where no release is named."""
    if release != REPEATED_REFUSED and model.release:
        return
    for select in model.bound(query).selects:
        for call in repeated(select):
            yield model.problem_in_query(
                query,
                call,
                f"{query.owner}: OpenMLDB {REPEATED_REFUSED} refuses to deploy the same {call.name.lower()}() twice"
                " over one window (expr id node return type does not match binding expr)",
                "give the second a window of its own name with the same definition"
                + ("" if model.release else f"; if the cluster's release is another ({', '.join(RELEASES[:-1])}), say")
                + ("" if model.release else " so: openmldb: in the profile"),
                severity="error" if model.release else "warning",
            )
