"""A Table that a notebook shows."""

from __future__ import annotations

from typing import Any

from dsflow.declare import table


class Table(table.Table):
    __doc__ = table.Table.__doc__

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from dsflow.display.text import pad, widest

        width = widest(list(self.columns))
        lines = [f"  {pad(name, width)}  {kind}" for name, kind in self.columns.items()]
        lines += [f"  {index.ddl()}" for index in self.indexes]
        text = "\n".join([f"table {self.name} in {self.database}", *lines])
        return {"text/html": self._repr_html_(), "text/plain": text}

    def _repr_html_(self) -> str:
        from dsflow.display.html import headed
        from dsflow.display.html import table as rows_of

        parts = [rows_of(("column", "type"), ((name, str(kind)) for name, kind in self.columns.items()))]
        if self.indexes:
            parts.append(rows_of(("index", ""), ((index.ddl(), "declared") for index in self.indexes)))
        return headed(f"table {self.name} in {self.database}", *parts)
