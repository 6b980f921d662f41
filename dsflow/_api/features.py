"""A FeatureView that can be compared between training and serving, and rolled back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsflow.declare import features
from dsflow.declare.params import Operand, Scalar
from dsflow.errors import ServerError, UnreachableError

if TYPE_CHECKING:
    import pandas as pd

    from dsflow._api.explaining import Explanation
    from dsflow.consistency import ConsistencyReport


class FeatureView(features.FeatureView):
    __doc__ = features.FeatureView.__doc__

    def preview(self, rows: int = 20, *, params: Mapping[str, Scalar] | None = None) -> pd.DataFrame:
        """The first rows of the features, computed here from the files that the workflow loads.

        The embedded OpenMLDB reads all of these files, into a folder that is removed again; no server and no state of a
        run is touched.

        Args:
            rows: at most so many.
            params: values of workflow parameters, over their local and their plain defaults.

        Returns:
            a DataFrame with the query's columns; a timestamp is a time in UTC.

        Raises:
            DeclarationError: no workflow loads the view's table, or a placeholder has no value.
            RunError: a file cannot be loaded, or the query fails.
            MissingExtraError: the embedded OpenMLDB is not installed.
        """
        from dsflow._api.preview import preview

        return preview(self, rows, params)

    def explain(self) -> Explanation:
        """What the query gives and needs: columns with types, windows, and the indexes with their TTLs.

        It shows itself as tables in a notebook and as text when printed.

        Raises:
            DeclarationError: the query does not parse.
        """
        from dsflow._api.explaining import explain

        return explain(self)

    def _repr_html_(self) -> str:
        return self.explain()._repr_html_()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return self.explain()._repr_mimebundle_()

    def rollback(self, server: str, *, timeout: float = 60, token: str | None = None) -> dict[str, Any]:
        """Let a prediction server serve the pair of deployment and model that it served before, now.

        Args:
            server: its address, ``http://host:port``.
            timeout: seconds.
            token: that the server asks for; None takes the first one of the variable DSFLOW_SERVE_UPDATE_TOKEN.

        Returns:
            what it serves then: ``database``, ``deployment``, ``model``, ``features``.

        Raises:
            ServerError: it has no pair to go back to, or its deployment is gone; what it serves stays.
            UnreachableError: it does not answer.
        """
        import httpx

        tokens = [token] if token is not None else os.environ.get("DSFLOW_SERVE_UPDATE_TOKEN", "").split()
        headers = {"authorization": f"Bearer {tokens[0]}"} if tokens else {}
        try:
            # a service of one's own network: a proxy of the environment is not the way to it
            answer = httpx.post(f"{server.rstrip('/')}/rollback", headers=headers, timeout=timeout, trust_env=False)
            about = answer.json()
        except httpx.HTTPError as error:
            raise UnreachableError(f"the prediction server at {server} does not answer: {error}") from error
        except ValueError:
            about = None
        if not isinstance(about, dict):
            raise ServerError(f"{server} did not answer as a prediction server does", hint="is it its address?")
        if answer.status_code != 200:
            raise ServerError(f"the prediction server: {about.get('error', about)}", hint=about.get("hint"))
        return about

    def consistency(
        self,
        apiserver: str,
        *,
        sample: int = 1000,
        deployment: Operand | None = None,
        params: Mapping[str, Scalar] | None = None,
        folder: str | Path | None = None,
        tolerance: float = 1e-6,
    ) -> ConsistencyReport:
        """Compare the features that training sees with those that serving gives, for the same rows, now.

        A sample of the table's offline rows is asked for in batch mode, over the offline rows, and of the deployment,
        over the online rows. Both take the rows as requests, so that what is stored already and rows of the same time
        are no false alarm; what differs is rows that are missing on one side, a TTL that has taken them, or a rule that
        offline and online read in different ways. The live table is only read; a small table is made beside it and
        dropped again.

        Args:
            apiserver: the address of OpenMLDB's APIServer, ``http://host:port`` (the embedded OpenMLDB is one).
            sample: about how many rows.
            deployment: the name given to `deploy`, if it was not given there.
            params: values of workflow parameters in place of their defaults.
            folder: a folder that OpenMLDB's offline jobs and this process share; not needed on one machine.
            tolerance: by what part floating-point numbers may differ and still be equal.

        Returns:
            for each column how many rows are equal and how many differ; ``report.skew`` is the share of rows that
            differ. It shows itself as a table in a notebook and as text when printed.

        Raises:
            DeclarationError: the query cannot be asked for in this way, or a placeholder has no value.
            ServerError: OpenMLDB refuses something, or there is nothing to compare.
            UnreachableError: the APIServer does not answer.
        """
        from dsflow.consistency import ask

        question = self.question(deployment, params)
        return ask(apiserver, **question, sample=sample, folder=folder, tolerance=tolerance)
