from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dsflow.openmldb.sdk import Compiler, CompilerError, kept
from dsflow.openmldb.sdk.kept import KeptAnswers
from tests.unit.openmldb.sdk.fake import fake_sdk

CATALOG = {"db": {"t": [("c", "int")]}}
Make = Callable[[], Compiler]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes compilers, as processes one after the other have them: each with a child of its own."""
    native = tmp_path / "native"
    native.mkdir()
    sdk = fake_sdk(native)
    made: list[Compiler] = []

    def one() -> Compiler:
        made.append(Compiler(sdk, timeout=5, kept=KeptAnswers(tmp_path / "answers", native)))
        return made[-1]

    yield one
    for compiler in made:
        compiler.close()


def child_of(compiler: Compiler) -> str:
    refusal = compiler.validate("no", "db", CATALOG)
    assert refusal is not None
    return refusal.trace  # the number of the child that was asked


def test_the_same_question_is_asked_once(make: Make) -> None:
    first = child_of(make())
    assert child_of(make()) == first
    assert make().validate("ok", "db", CATALOG) is None
    assert make().validate("ok", "db", CATALOG) is None


def test_another_table_mode_or_library_is_another_question(make: Make, tmp_path: Path) -> None:
    first = child_of(make())
    other = make().validate("no", "db", {"db": {"t": [("c", "bigint")]}})
    assert other is not None
    assert other.trace != first
    (tmp_path / "native" / "_sql_router_sdk.so").write_bytes(b"another build")
    assert child_of(make()) != first


def test_what_has_no_answer_is_not_kept(make: Make) -> None:
    for _ in range(2):
        with pytest.raises(CompilerError, match="died"):
            make().validate("crash", "db", CATALOG)


def test_a_damaged_or_forbidden_file_is_asked_again(make: Make, tmp_path: Path) -> None:
    first = child_of(make())
    (file,) = (tmp_path / "answers").glob("*.json")
    for damage in (b"", b"[]", b"\xff", b"{"):
        file.write_bytes(damage)
        assert child_of(make()) != first
    for name in (tmp_path / "answers").iterdir():
        name.unlink()
    (tmp_path / "answers").rmdir()
    (tmp_path / "answers").write_text("no folder")
    assert child_of(make()) != child_of(make())


def test_the_folder_does_not_grow_for_ever(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST", 10)
    compiler = make()
    for number in range(25):
        assert compiler.validate(f"ok {number}", "db", CATALOG) is None
    names = list((tmp_path / "answers").iterdir())
    assert 5 <= len(names) <= 10
    assert all(name.suffix == ".json" for name in names)


def test_a_child_is_started_beforehand_only_where_nothing_is_kept(make: Make) -> None:
    compiler = make()
    compiler.start()
    assert compiler._child is not None
    child_of(compiler)
    later = make()
    later.start()
    assert later._child is None
