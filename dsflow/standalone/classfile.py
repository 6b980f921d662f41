"""Reads of a Java class file what names a database table: its super class, its fields, and the annotations on them.

The format is chapter 4 of the Java Virtual Machine Specification.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

Annotations = dict[str, dict[str, Any]]
"""For each annotation's type descriptor, its values by name."""

STATIC, TRANSIENT, ENUM = 0x0008, 0x0080, 0x4000  # access flags

_UTF8, _INTEGER, _METHOD_HANDLE = 1, 3, 15
_LONG, _DOUBLE = 5, 6
_ONE_INDEX = (7, 8, 16, 19, 20)  # class, string, method type, module, package


@dataclass(frozen=True)
class Field:
    """A field: its access flags, its name, its type's descriptor, and its annotations."""

    flags: int
    name: str
    descriptor: str
    annotations: Annotations


@dataclass(frozen=True)
class ClassFile:
    """A class.

    Attributes:
        flags: its access flags.
        parent: the internal name of its super class; None of java.lang.Object.
    """

    flags: int
    parent: str | None
    fields: tuple[Field, ...]
    annotations: Annotations


def read_class(data: bytes) -> ClassFile:
    """The class in a class file."""
    return _Reader(data).read()


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 8  # after the magic number and the version
        self.pool: list[Any] = []

    def read(self) -> ClassFile:
        self._constants()
        flags = self.u2()
        self.u2()  # this class
        parent = self.u2()
        self.take(2 * self.u2())  # its interfaces
        fields = tuple(self.field() for _ in range(self.u2()))
        for _ in range(self.u2()):
            self.field()  # a method is laid out like a field
        name = self.pool[self.pool[parent]] if parent else None
        return ClassFile(flags, name, fields, self.annotations())

    def _constants(self) -> None:
        count = self.u2()
        self.pool = [None] * count
        index = 1
        while index < count:
            tag = self.u1()
            if tag == _UTF8:
                self.pool[index] = self.take(self.u2()).decode("utf-8", "replace")
            elif tag in _ONE_INDEX:
                self.pool[index] = self.u2()
            elif tag == _METHOD_HANDLE:
                self.take(3)
            elif tag == _INTEGER:
                self.pool[index] = struct.unpack(">i", self.take(4))[0]
            elif tag in (_LONG, _DOUBLE):
                self.take(8)
                index += 1  # it takes two places
            else:
                self.take(4)
            index += 1

    def take(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]

    def u1(self) -> int:
        return self.take(1)[0]

    def u2(self) -> int:
        return int(struct.unpack(">H", self.take(2))[0])

    def field(self) -> Field:
        flags, name, descriptor = self.u2(), self.pool[self.u2()], self.pool[self.u2()]
        return Field(flags, name, descriptor, self.annotations())

    def annotations(self) -> Annotations:
        """Of the attributes that follow, the annotations that are visible at run time."""
        found: Annotations = {}
        for _ in range(self.u2()):
            name = self.pool[self.u2()]
            end = int(struct.unpack(">I", self.take(4))[0]) + self.at
            if name == "RuntimeVisibleAnnotations":
                found = dict(self.annotation() for _ in range(self.u2()))
            self.at = end
        return found

    def annotation(self) -> tuple[str, dict[str, Any]]:
        descriptor = self.pool[self.u2()]
        return descriptor, {self.pool[self.u2()]: self.value() for _ in range(self.u2())}

    def value(self) -> Any:
        tag = chr(self.u1())
        if tag == "e":  # an enum's constant
            self.u2()
            return self.pool[self.u2()]
        if tag == "@":
            return self.annotation()
        if tag == "[":
            return [self.value() for _ in range(self.u2())]
        return self.pool[self.u2()]
