"""Tables from entity classes: class files made here, laid out as the Java Virtual Machine Specification says."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import Any

from dsflow.standalone.classfile import ENUM, STATIC, TRANSIENT, read_class
from dsflow.standalone.tables import schema

MYBATIS = "Lcom/baomidou/mybatisplus/annotation/{};"


class Writer:
    """Writes a class file."""

    def __init__(self) -> None:
        self.pool: list[bytes] = []
        self.index: dict[bytes, int] = {}
        self.next = 1

    def constant(self, data: bytes, places: int = 1) -> int:
        if data not in self.index:
            self.index[data] = self.next
            self.pool.append(data)
            self.next += places
        return self.index[data]

    def utf8(self, text: str) -> int:
        return self.constant(b"\x01" + struct.pack(">H", len(text.encode())) + text.encode())

    def cls(self, name: str) -> int:
        return self.constant(b"\x07" + struct.pack(">H", self.utf8(name)))

    def annotations(self, annotations: dict[str, dict[str, Any]]) -> bytes:
        if not annotations:
            return struct.pack(">H", 0)
        body = struct.pack(">H", len(annotations))
        for kind, values in annotations.items():
            body += struct.pack(">HH", self.utf8(kind), len(values))
            for name, value in values.items():
                body += struct.pack(">H", self.utf8(name))
                if isinstance(value, bool):
                    body += b"Z" + struct.pack(">H", self.constant(b"\x03" + struct.pack(">i", value)))
                elif isinstance(value, tuple):  # an enum's constant
                    body += b"e" + struct.pack(">HH", *(self.utf8(v) for v in value))
                else:
                    body += b"s" + struct.pack(">H", self.utf8(value))
        other = struct.pack(">HI", self.utf8("Deprecated"), 0)
        name = self.utf8("RuntimeVisibleAnnotations")
        return struct.pack(">H", 2) + other + struct.pack(">HI", name, len(body)) + body

    def write(self, name: str, parent: str, flags: int, fields: list[tuple[Any, ...]], on: dict[str, Any]) -> bytes:
        self.constant(b"\x05" + struct.pack(">q", 2**40), places=2)  # a long takes two places
        this, above = self.cls(name), self.cls(parent)
        body = struct.pack(">HHHH", flags, this, above, 0) + struct.pack(">H", len(fields))
        for mask, field, descriptor, marks in fields:
            body += struct.pack(">HHH", mask, self.utf8(field), self.utf8(descriptor)) + self.annotations(marks)
        body += struct.pack(">H", 0) + self.annotations(on)
        return b"\xca\xfe\xba\xbe" + struct.pack(">HHH", 0, 52, self.next) + b"".join(self.pool) + body


def annotated(name: str, **values: Any) -> dict[str, dict[str, Any]]:
    return {MYBATIS.format(name): values}


def jar(path: Path, classes: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in classes.items():
            archive.writestr(f"{name}.class", data)
    return path


def test_a_table_of_a_class_and_its_parent(tmp_path: Path) -> None:
    base = Writer().write(
        "org/x/dao/Base", "java/lang/Object", 0,
        [(0, "id", "Ljava/lang/Integer;", annotated("TableId", value="id", type=("LIdType;", "AUTO")))], {},
    )  # fmt: skip
    state = Writer().write(
        "org/x/State", "java/lang/Enum", ENUM,
        [(STATIC, "ON", "Lorg/x/State;", {}), (0, "code", "I", annotated("EnumValue"))], {},
    )  # fmt: skip
    word = Writer().write("org/x/Word", "java/lang/Enum", ENUM, [(STATIC, "A", "Lorg/x/Word;", {})], {})
    entity = Writer().write(
        "org/x/dao/Some", "org/x/dao/Base", 0,
        [
            (0, "projectCode", "J", {}),
            (0, "priority", "I", {}),
            (0, "state", "Lorg/x/State;", {}),
            (0, "word", "Lorg/x/Word;", {}),
            (0, "shown", "Z", annotated("TableField", value="`is_shown`")),
            (0, "notStored", "Ljava/lang/String;", annotated("TableField", exist=False)),
            (TRANSIENT, "passing", "I", {}),
            (STATIC, "LIMIT", "I", {}),
            (0, "children", "Ljava/util/List;", {}),
        ],
        annotated("TableName", value="t_ds_some"),
    )  # fmt: skip
    path = jar(tmp_path / "x.jar", {"org/x/dao/Base": base, "org/x/State": state, "org/x/Word": word,
                                    "org/x/dao/Some": entity})  # fmt: skip

    sql = schema("3.1.1", [path], "admin", "secret")

    statements = sql.split(";\n")
    (table,) = [s for s in statements if s.startswith("CREATE TABLE t_ds_some ")]
    assert table.splitlines()[1:-1] == [
        "  `id` int NOT NULL AUTO_INCREMENT PRIMARY KEY,",
        "  `project_code` bigint DEFAULT 0,",
        "  `priority` int DEFAULT 0,",
        "  `state` int,",
        "  `word` varchar,",
        "  `is_shown` boolean",
    ]
    assert "('admin', '5ebe2294ecd0e0f08eab7690d2a6ee69', 0," in sql  # MD5 of "secret", as the server stores it
    assert any(s.startswith("ALTER TABLE t_ds_user ADD UNIQUE (user_name)") for s in statements)


def test_a_class_without_a_parent() -> None:
    data = Writer().write("a/B", "java/lang/Object", 0x21, [(0, "x", "I", {})], {})
    found = read_class(data)
    assert (found.flags, found.parent, found.fields[0].name) == (0x21, "java/lang/Object", "x")
