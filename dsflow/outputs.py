"""What DolphinScheduler takes for a script's outputs: lines ``${setValue(name=value)}`` of what it writes.

3.1 (``AbstractCommandExecutor``, ``AbstractParameters.dealOutParam``) reads only lines that begin with the mark: of
each the first one up to the next ``)``, and of that the value up to the next ``=``; an empty value fails the task. 3.2
(``TaskOutputParameterParser``) reads anywhere in a line and over lines, and a value ends with ``)}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dsflow.definition import Definition, JsonDict
from dsflow.errors import RunError
from dsflow.placeholders import Series

_MARKS = ("${setValue(", "#{setValue(")
_FIRST = re.compile(r"[$#]\{setValue\(([^)]*)\)\}")
_MOST_LINES = 1024


class OutputError(RunError):
    """What a script wrote fails its task on a server."""


def read_outputs(written: str, series: Series) -> dict[str, str]:
    """All outputs that a script's text sets, by name, as a server of the series reads them.

    Raises:
        OutputError: 3.1 fails the task on it.
    """
    # Java's lines end with \n, \r or \r\n
    lines = re.split(r"\r\n|\r|\n", written)
    return dict(_newer(lines) if series >= (3, 2) else _older(lines))


def _older(lines: list[str]) -> Iterator[tuple[str, str]]:
    pool = ""
    for line in lines:
        if line.startswith(_MARKS):
            found = _FIRST.search(line)
            pool += (found[1] if found else "null") + "$VarPool$"
    for entry in pool.split("$VarPool$"):
        if "=" not in entry:
            continue
        parts = entry.split("=")
        while parts and not parts[-1]:
            parts.pop()  # Java drops the empty ones at the end
        if len(parts) < 2:
            name = entry.partition("=")[0]
            raise OutputError(
                f"DolphinScheduler 3.1 fails the task on the output {name!r} without a value",
                hint="give it a value, such as none, when there is nothing",
            )
        yield parts[0], parts[1]


def _newer(lines: list[str]) -> Iterator[tuple[str, str]]:
    open_lines: list[str] | None = None
    pending = lines[::-1]
    while pending:
        line = pending.pop()
        if open_lines is None:
            # a # counts only in a line without a $
            starts = [at for at in map(line.find, _MARKS) if at >= 0][:1]
            if not starts:
                continue
            line, open_lines = line[starts[0] :], []
        elif len(open_lines) > _MOST_LINES:
            open_lines = None
            continue
        end = line.find(")}")
        if end < 0:
            open_lines.append(line)
            continue
        name, equals, value = "\n".join([*open_lines, line[: end + 2]])[11:-2].partition("=")
        if equals:
            yield name, value
        open_lines = None
        if line[end + 2 :]:
            pending.append(line[end + 2 :])


# --------------------------------------------------------------------------------- how 3.1 gets all of a value

CODED = {
    "dsflow_equals": "=",
    "dsflow_close": ")",
    "dsflow_line": "\n",
    "dsflow_return": "\r",
    "dsflow_nothing": "",
}
"""Parameters that stand in an output for what 3.1 does not read. They are filled in wherever the output is."""

_CODING = """\
def _dsflow_outputs():
    import atexit, re, sys
    names = {"=": "equals", ")": "close", "\\n": "line", "\\r": "return"}
    write, last = sys.stdout.write, ["\\n"]
    def coded(value):
        parts = ["$" "{dsflow_" + names[c] + "}" if c in names else c for c in value]
        return "".join(parts) or "$" "{dsflow_nothing}"
    def put(text):
        done, at = [], 0
        for found in re.finditer(r"([$#][{]setValue[(])([^=)]*)=(.*?)[)][}]", str(text), re.DOTALL):
            done.append(text[at:found.start()])
            at = found.end()
            before = "" if (last[0] + "".join(done)).endswith("\\n") else "\\n"
            after = "" if text[at:at + 1] in ("", "\\r", "\\n") else "\\n"
            done.append(before + found[1] + found[2] + "=" + coded(found[3]) + ")}" + after)
        whole = "".join(done) + text[at:]
        last[0] = whole[-1:] or last[0]
        return write(whole)
    sys.stdout.write = put
    atexit.register(lambda: last[0] == "\\n" or write("\\n"))  # a last line without an end is read too late
_dsflow_outputs()"""
_WHY = "dsflow: DolphinScheduler 3.1 cuts outputs at = and ), and takes one a line"
# each awk reads what one echo or printf writes; its first line end ends what was written before
_AWK = r"""
{ t = t (NR > 1 ? "\n" : "") $0 }
END {
  o = "\n";
  while (match(t, /[$#][{]setValue[(][^=)]*=/)) {
    h = substr(t, 1, RSTART - 1); m = substr(t, RSTART, RLENGTH); t = substr(t, RSTART + RLENGTH);
    e = index(t, ")}"); if (!e) { o = o h m; break };
    v = substr(t, 1, e - 1); t = substr(t, e + 2);
    gsub(/=/, "$" "{dsflow_equals}", v); gsub(/[)]/, "$" "{dsflow_close}", v);
    gsub(/\n/, "$" "{dsflow_line}", v); gsub(/\r/, "$" "{dsflow_return}", v);
    if (v == "") v = "$" "{dsflow_nothing}";
    o = o h; if (o !~ /\n$/) o = o "\n";
    o = o m v ")}"; if (t != "" && t !~ /^[\r\n]/) o = o "\n"
  }
  print o t
}"""
_SHELL = (
    "if command -v awk >/dev/null 2>&1; then "
    f"_dsflow_coded() {{ awk '{' '.join(_AWK.split())}'; }}; "
    'echo() { case "$*" in *\'{setValue(\'*) command echo "$@" | _dsflow_coded;; *) command echo "$@";; esac; }; '
    'printf() { case "$1" in -v) command printf "$@"; return;; esac; '
    'case "$*" in *\'{setValue(\'*) command printf "$@" | _dsflow_coded;; *) command printf "$@";; esac; }; fi'
)
CODING = {"PYTHON": f"exec({_CODING!r})  # {_WHY}", "SHELL": f"{_SHELL}  # {_WHY}"}
"""What a script with text outputs begins with on 3.1, in one line, by its task's type: it writes them so that they
arrive whole. In SHELL that is ``echo`` and ``printf`` of the script itself, where the worker has awk; what other
programs write stays as it is."""

_TEXTS = frozenset({"VARCHAR", "LIST", "FILE", "DATE", "TIME", "TIMESTAMP"})


def is_coded(task_type: str, params: JsonDict) -> bool:
    """Whether a task's outputs are coded on 3.1: those of a PYTHON or SHELL task, where one is a text."""
    outs = [p for p in params.get("localParams") or [] if p.get("direct") == "OUT"]
    return task_type in CODING and any((p.get("type") or "VARCHAR") in _TEXTS for p in outs)


def coded_params(definition: Definition) -> dict[str, str]:
    """The parameters that a workflow has on 3.1 beside its own, with their values."""
    return CODED if any(is_coded(t.task_type, t.task_params) for t in definition.tasks) else {}


def decoded(value: str) -> str:
    """An output as it was set."""
    for name, text in CODED.items():
        value = value.replace(f"${{{name}}}", text)
    return value
