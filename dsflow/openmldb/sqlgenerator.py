"""The generator of the dialect ``openmldb``: from a tree to text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar

from sqlglot import exp, generator

from dsflow.openmldb import nodes
from dsflow.openmldb.sqlparser import RESERVED

_EXCLUDES = ("exclude_current_row", "exclude_current_time")


class OpenMLDBGenerator(generator.Generator):
    """The way back, from a tree to text."""

    def _name(self, node: exp.Anonymous) -> str:
        return self.sql(node, "this") if isinstance(node.this, exp.Identifier) else str(node.this)

    def _element(self, node: exp.Expr) -> str:
        return f"ARRAY<{node.meta['element']}>" if "element" in node.meta else ""

    def _if(self, node: nodes.Statement, word: str = "") -> str:
        return f"IF {word}EXISTS " if node.exists else ""

    def _with_options(self, text: str, node: exp.Expr) -> str:
        for key, word in (("options", "OPTIONS"), ("config", "CONFIG")):
            if node.args.get(key):
                text += f" {word} ({self.expressions(node, key=key, flat=True)})"
        return text

    def _string(self, text: str) -> str:
        return self.sql(exp.Literal.string(text))

    def literal_sql(self, expression: exp.Literal) -> str:
        text = str(expression.this)
        if not expression.is_string:
            return text
        for plain, escaped in (("\\", "\\\\"), ("'", "\\'"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
            text = text.replace(plain, escaped)
        return f"'{text}'"

    def identifier_sql(self, expression: exp.Identifier) -> str:
        name = str(expression.this)
        plain = re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) and name.lower() not in RESERVED
        return name if plain and not expression.args.get("quoted") else f"`{name}`"

    def columnspec_sql(self, node: nodes.ColumnSpec) -> str:
        text = f"{self.sql(node, 'this')} {node.kind}"
        if node.default is not None:
            text += f" DEFAULT {self.sql(node, 'default')}"
        return f"{text} NOT NULL" if node.not_null else text

    def indexspec_sql(self, node: nodes.IndexSpec) -> str:
        name = f" {self.sql(node, 'this')} " if node.args.get("this") else ""
        return f"INDEX{name}({self.expressions(node, key='options', flat=True)})"

    def createtable_sql(self, node: nodes.CreateTable) -> str:
        text = f"CREATE TABLE {self._if(node, 'NOT ')}{self.sql(node, 'table')}"
        parts: list[exp.Expr] = [*node.columns, *node.indexes]
        if parts:
            text += f" ({', '.join(self.sql(part) for part in parts)})"
        if node.like:
            text += f" LIKE {node.like[0].upper()} {self._string(node.like[1])}"
        return self._with_options(text, node)

    def altertable_sql(self, node: nodes.AlterTable) -> str:
        words = {True: "ADD", False: "DROP"}
        paths = ", ".join(f"{words[add]} OFFLINE_PATH {self._string(path)}" for add, path in node.paths)
        return f"ALTER TABLE {self._if(node)}{self.sql(node, 'table')} {paths}"

    def createindex_sql(self, node: nodes.CreateIndex) -> str:
        keys = ", ".join(self.sql(exp.to_identifier(key)) for key in node.spec.keys)
        options = [self.sql(o) for o in node.spec.args["options"] if o.name.lower() != "key"]
        text = f"CREATE INDEX {self._if(node, 'NOT ')}{self.sql(node, 'this')} ON {self.sql(node, 'table')} ({keys})"
        return f"{text} OPTIONS ({', '.join(options)})" if options else text

    def _load_data(self, node: nodes.LoadData) -> str:
        return self._with_options(
            f"LOAD DATA INFILE {self._string(node.path)} INTO TABLE {self.sql(node, 'table')}", node
        )

    def selectinto_sql(self, node: nodes.SelectInto) -> str:
        return self._with_options(f"{self.sql(node, 'query')} INTO OUTFILE {self._string(node.path)}", node)

    def deploy_sql(self, node: nodes.Deploy) -> str:
        text = self._with_options(f"DEPLOY {self._if(node, 'NOT ')}{self.sql(node, 'this')}", node)
        return f"{text} {self.sql(node, 'query')}"

    def dropdeployment_sql(self, node: nodes.DropDeployment) -> str:
        db = f"{self.sql(node, 'db')}." if node.args.get("db") else ""
        return f"DROP DEPLOYMENT {self._if(node)}{db}{self.sql(node, 'this')}"

    def _show(self, node: nodes.Show) -> str:
        text = f"SHOW {node.kind}"
        if node.target is not None:
            text += f" {self.sql(node, 'target')}"
        if node.db:
            text += f" FROM {self.sql(exp.to_identifier(node.db))}"
        return text if node.like is None else f"{text} LIKE {self._string(node.like)}"

    def setvariable_sql(self, node: nodes.SetVariable) -> str:
        scope = "@@global." if node.scope == "global" else "@@"
        return f"SET {scope}{self.sql(node, 'this')} = {self.sql(node, 'value')}"

    def insertrows_sql(self, node: nodes.InsertRows) -> str:
        columns = f" ({self.expressions(node, key='columns', flat=True)})" if node.args.get("columns") else ""
        rows = ", ".join(f"({self.expressions(row, flat=True)})" for row in node.args["rows"])
        ignore = "OR IGNORE " if node.or_ignore else ""
        return f"INSERT {ignore}INTO {self.sql(node, 'table')}{columns} VALUES {rows}"

    def deleterows_sql(self, node: nodes.DeleteRows) -> str:
        where = f" WHERE {self.sql(node, 'where')}" if node.where is not None else ""
        return f"DELETE FROM {self.sql(node, 'table')}{where}"

    def lastjoin_sql(self, node: nodes.LastJoin) -> str:
        order = f" ORDER BY {self.expressions(node.args['order'], flat=True)}" if node.args.get("order") else ""
        return f" LAST JOIN {self.sql(node, 'this')}{order} ON {self.sql(node, 'on')}"

    def ordered_sql(self, expression: exp.Ordered) -> str:
        return self.sql(expression, "this") + (" DESC" if expression.args.get("desc") else "")

    def windowdefinition_sql(self, node: nodes.WindowDefinition) -> str:
        name = f"{self.sql(node, 'this')} AS " if node.args.get("this") else ""
        base = self.sql(node, "base")
        parts = [base] if base else []
        for key, words in (("union", "UNION"), ("partition_by", "PARTITION BY")):
            if node.args.get(key):
                parts.append(f"{words} {self.expressions(node, key=key, flat=True)}")
        if node.args.get("order"):
            parts.append(f"ORDER BY {self.expressions(node.args['order'], flat=True)}")
        if node.args.get("frame"):
            parts.append(self.sql(node, "frame"))
        parts += [flag.replace("_", " ", 1).upper() for flag in _EXCLUDES if node.args.get(flag)]
        if node.args.get("instance_not_in_window"):
            parts.append("INSTANCE_NOT_IN_WINDOW")
        return name + (base if parts == [base] else f"({' '.join(parts)})")

    def windowframe_sql(self, node: nodes.WindowFrame) -> str:
        text = self.sql(node, "start")
        if node.args.get("end"):
            text = f"BETWEEN {text} AND {self.sql(node, 'end')}"
        maxsize = f" MAXSIZE {node.args['maxsize']}" if node.args.get("maxsize") else ""
        return f"{node.args['unit']} {text}{maxsize}"

    def framebound_sql(self, node: nodes.FrameBound) -> str:
        if node.args["side"] == "CURRENT ROW":
            return "CURRENT ROW"
        offset = self.sql(node, "this") or "UNBOUNDED"
        return f"{offset}{' OPEN' if node.args.get('open') else ''} {node.args['side']}"

    TRANSFORMS: ClassVar[dict[type[exp.Expr], Callable[..., str]]] = {
        **generator.Generator.TRANSFORMS,
        exp.Xor: lambda self, node: self.binary(node, "XOR"),
        exp.IntDiv: lambda self, node: self.binary(node, "DIV"),
        exp.RegexpLike: lambda self, node: self.binary(node, "RLIKE"),
        exp.Cast: lambda self, node: f"CAST({self.sql(node, 'this')} AS {self.sql(node, 'to')})",
        exp.Array: lambda self, node: f"{self._element(node)}[{self.expressions(node, flat=True)}]",
        exp.Anonymous: lambda self, node: f"{self._name(node)}({self.expressions(node, flat=True)})",
        exp.Is: lambda self, node: f"{self.sql(node, 'this')} IS {self.sql(node, 'expression')}",
        nodes.Option: lambda self, node: f"{self.sql(node, 'this')} = {self.sql(node, 'value')}",
        nodes.CreateDatabase: lambda self, node: f"CREATE DATABASE {self._if(node, 'NOT ')}{self.sql(node, 'this')}",
        nodes.DropDatabase: lambda self, node: f"DROP DATABASE {self._if(node)}{self.sql(node, 'this')}",
        nodes.UseDatabase: lambda self, node: f"USE {self.sql(node, 'this')}",
        nodes.DropTable: lambda self, node: f"DROP TABLE {self._if(node)}{self.sql(node, 'table')}",
        nodes.TruncateTable: lambda self, node: f"TRUNCATE TABLE {self.sql(node, 'table')}",
        nodes.DropIndex: lambda self, node: (
            f"DROP INDEX {self._if(node)}{self.sql(node, 'table')}.{self.sql(node, 'this')}"
        ),
        nodes.StopJob: lambda self, node: f"STOP JOB {self.sql(node, 'target')}",
        nodes.DropFunction: lambda self, node: f"DROP FUNCTION {self._if(node)}{self.sql(node, 'this')}",
        nodes.OtherStatement: lambda self, node: str(node.args["text"]),
        nodes.Describe: lambda self, node: f"DESC {self.sql(node, 'table')}",
        nodes.Explain: lambda self, node: f"EXPLAIN {self.sql(node, 'query')}",
        nodes.Over: lambda self, node: f"{self.sql(node, 'this')} OVER {self.sql(node, 'window')}",
        nodes.ColumnSpec: columnspec_sql,
        nodes.IndexSpec: indexspec_sql,
        nodes.CreateTable: createtable_sql,
        nodes.AlterTable: altertable_sql,
        nodes.CreateIndex: createindex_sql,
        nodes.LoadData: _load_data,
        nodes.SelectInto: selectinto_sql,
        nodes.Deploy: deploy_sql,
        nodes.DropDeployment: dropdeployment_sql,
        nodes.Show: _show,
        nodes.SetVariable: setvariable_sql,
        nodes.InsertRows: insertrows_sql,
        nodes.DeleteRows: deleterows_sql,
        nodes.LastJoin: lastjoin_sql,
        nodes.WindowDefinition: windowdefinition_sql,
        nodes.WindowFrame: windowframe_sql,
        nodes.FrameBound: framebound_sql,
    }
