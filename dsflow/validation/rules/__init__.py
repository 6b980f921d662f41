"""The rules, in the order of their codes: each one a function in a module of this package.

Each has a section in docs/rules.md.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from dsflow.validation.rules.base import Rule


def find_rules() -> tuple[Rule, ...]:
    """The rules in the modules of this package."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Rule)]
    return tuple(sorted(found, key=lambda rule: rule.code))


RULES: tuple[Rule, ...] = find_rules()

__all__ = ["RULES", "Rule"]
