"""Properties are written as Java reads them."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from dsflow.standalone.properties import write_properties

ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}


def as_java_reads(path: Path) -> dict[str, str]:
    """java.util.Properties.load, for text without line continuations."""
    found = {}
    for line in re.split(r"\r\n|\r|\n", path.read_bytes().decode("latin-1")):
        line = line.lstrip(" \t\f")
        if not line or line[0] in "#!":
            continue
        parts = re.match(r"((?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*(.*)", line, re.DOTALL)
        assert parts is not None
        found[unescaped(parts[1])] = unescaped(parts[2])
    return found


def unescaped(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        return chr(int(found[1][1:], 16)) if found[1][0] == "u" else ESCAPED.get(found[1], found[1])

    units = re.sub(r"\\(u[0-9a-fA-F]{4}|.)", one, text, flags=re.DOTALL)
    return units.encode("utf-16", "surrogatepass").decode("utf-16")


keys = st.text(st.characters(codec="utf-8", exclude_characters=" \t\f"), min_size=1)


@given(values=st.dictionaries(keys, st.text(st.characters(codec="utf-8"))))
def test_what_was_written_is_read(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("p") / "x.properties"
    write_properties(path, values)
    assert as_java_reads(path) == values


def test_they_stand_over_those_of_a_file(tmp_path):
    below = tmp_path / "common.properties"
    below.write_text("# a comment\nsudo.enable=true\nkept=yes")
    write_properties(tmp_path / "x", {"sudo.enable": False, "folder": tmp_path}, below)
    assert as_java_reads(tmp_path / "x") == {"sudo.enable": "false", "kept": "yes", "folder": str(tmp_path)}
