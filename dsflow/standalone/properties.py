"""Writing files of Java properties."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "=": "\\=", ":": "\\:", "#": "\\#", "!": "\\!"}


def write_properties(path: Path, values: Mapping[str, object], below: Path | None = None) -> None:
    """Write properties.

    Args:
        values: what they hold; a bool is written ``true`` or ``false``.
        below: a file of properties whose values hold where ``values`` has none.
    """
    before = below.read_text(encoding="latin-1").rstrip("\n") + "\n" if below else ""
    lines = [f"{_escaped(key)}={_escaped(_text(value))}\n" for key, value in values.items()]
    path.write_text(before + "".join(lines), encoding="latin-1")  # of two with one key, the later one counts


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _escaped(text: str) -> str:
    parts = []
    for i, character in enumerate(text):
        if character in _ESCAPES:
            parts.append(_ESCAPES[character])
        elif character == " " and i == 0:
            parts.append("\\ ")
        elif ord(character) < 0x20 or ord(character) > 0x7E:
            units = character.encode("utf-16-be")
            parts += [f"\\u{units[n] << 8 | units[n + 1]:04x}" for n in range(0, len(units), 2)]
        else:
            parts.append(character)
    return "".join(parts)
