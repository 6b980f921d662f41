"""Scripts that are parts of a module: complete, and nothing more."""

from __future__ import annotations

import ast
import builtins
import inspect
from pathlib import Path

import pytest

from dsflow.worker import checks
from dsflow.worker.excerpt import excerpt

CHECKS = Path(checks.__file__)
FUNCTIONS = [name for name, made in vars(checks).items() if inspect.isfunction(made)]


def bound(tree: ast.Module) -> dict[str, ast.AST]:
    """What a script's top level binds, by name."""
    found: dict[str, ast.AST] = {}
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found.update({(alias.asname or alias.name).split(".")[0]: node for alias in node.names})
        elif isinstance(node, ast.Assign):
            found.update({target.id: node for target in node.targets if isinstance(target, ast.Name)})
        else:
            assert isinstance(node, (ast.FunctionDef, ast.ClassDef))
            found[node.name] = node
    return found


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_comes_with_all_that_it_needs_and_no_more(function: str) -> None:
    text = excerpt(CHECKS, (function,))
    tree = ast.parse(text, feature_version=(3, 7))
    there = bound(tree)
    inside = {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    inside |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    inside |= {n.name for n in ast.walk(tree) if isinstance(n, ast.ExceptHandler) and n.name}
    inside |= {a.asname or a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    assert used - set(there) - inside - set(dir(builtins)) == set()
    for name, node in there.items():
        others = {n.id for top in tree.body if top is not node for n in ast.walk(top) if isinstance(n, ast.Name)}
        assert name == function or name in others, f"{name} is not used"
    assert "typing" not in text
    assert "#" not in text.replace("{", "")


def test_what_is_cut_and_what_stays(tmp_path: Path) -> None:
    module = tmp_path / "m.py"
    module.write_text(
        '"""Doc."""\n\nfrom __future__ import annotations\n\nimport os, sys\nfrom a.b import c as d\n\n'
        "A, B = 1, 2  # both\nC: int = 3\n\n\n"
        "@d\ndef f(x: dict[str, int], *rest: int, y: str = '# no') -> tuple[\n    int, str\n]:\n"
        '    """Doc\n\n    of f."""\n\n    # why\n    z: int = A  # how\n    if x:\n        return z, y + "\\n"\n\n'
        "    return os.sep, C\n\n\ndef g():\n    return f()\n\n\ndef h():\n    return sys\n"
    )
    assert excerpt(module, ("g",)) == (
        "import os\nfrom a.b import c as d\n\nA, B = 1, 2\nC = 3\n\n"
        "@d\ndef f(x, *rest, y = '# no'):\n z = A\n if x:\n  return z, y + \"\\n\"\n return os.sep, C\n\n"
        "def g():\n return f()\n"
    )
    assert excerpt(module, ("h",)) == "import sys\n\ndef h():\n return sys\n"
    with pytest.raises(KeyError):
        excerpt(module, ("nothing",))
