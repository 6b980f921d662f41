"""Task types: one class for each of DolphinScheduler's that dsflow declares, found in the modules of this package.

A class that has an ``about`` of its own is a task type. What is known of a type that has no class is in
`dsflow.declare.tasks.about.CLASSLESS`.
"""

from __future__ import annotations

from importlib import import_module
from inspect import isclass
from pkgutil import iter_modules

from dsflow.declare.tasks.about import CLASSLESS, TaskType
from dsflow.declare.tasks.base import Task


def find_classes() -> dict[str, type[Task]]:
    """The task types' classes in the modules of this package, by the names that pipeline files call them."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    found = {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isclass(value) and issubclass(value, Task) and value is not Task and "about" in vars(value)
    }
    return dict(sorted(found.items()))


CLASSES: dict[str, type[Task]] = find_classes()
"""Name of a class -> the class."""

TYPES: dict[str, TaskType] = {
    about.name: about for about in (*CLASSLESS, *(kind.about for kind in CLASSES.values())) if about.name
}
"""DolphinScheduler's name of a task type -> what is known of it."""


def type_of(name: str) -> TaskType:
    """What is known of a task type; of one that nobody has heard of, nothing but its name."""
    return TYPES.get(name) or TaskType(name)


def class_of(name: str) -> type[Task] | None:
    """The class of a task type, if it has one."""
    return next((kind for kind in CLASSES.values() if kind.about.name == name), None) if name else None
