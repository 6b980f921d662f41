"""The process that checks models: it outlives what loading a model does to its children, and comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dsflow.serving import checker as module
from dsflow.serving.checker import Checker
from dsflow.serving.errors import NotServableError, ServingError

LOADS = "def load(name, raw):\n    {}\nfrom dsflow.serving import modelcheck\nmodelcheck.load_model = load\n"

Loading = Callable[..., Checker]


@pytest.fixture
def checker() -> Iterator[Checker]:
    made = Checker()
    yield made
    made.close()


@pytest.fixture
def loading(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loading]:
    """A checker whose children do something else in place of loading the model."""
    made: list[Checker] = []

    def make(does: str, seconds: float = 60.0) -> Checker:
        begin, end = module._CHILD.split("from dsflow", 1)
        told = f"{begin}exec({LOADS.format(does)!r}); from dsflow{end}"
        monkeypatch.setattr(module, "_CHILD", told)
        made.append(Checker(seconds=seconds))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def raws(models: tuple[str, str]) -> tuple[bytes, bytes]:
    return Path(models[0]).read_bytes(), Path(models[1]).read_bytes()


def test_one_process_checks_one_model_after_the_other(checker: Checker, raws: tuple[bytes, bytes]) -> None:
    checker.check("first.json", raws[0])
    pid = checker.pid
    with pytest.raises(NotServableError, match=r"bad\.json is not an xgboost model"):
        checker.check("bad.json", b"{")
    checker.check("second.ubj", raws[1])
    assert checker.pid == pid
    threads = Path(f"/proc/{pid}/task")
    if threads.exists():  # a process of several threads must not fork
        assert len(list(threads.iterdir())) == 1


@pytest.mark.parametrize("kind", [0, 1], ids=["JSON", "UBJSON"])
def test_a_loader_that_is_killed_is_an_answer(loading: Loading, raws: tuple[bytes, bytes], kind: int) -> None:
    """xgboost crashes on some damaged files when they are loaded without the check."""
    checker = loading("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    told = r"one\.json is not a model of xgboost: loading it ended the process that tried \(status -11\)"
    with pytest.raises(NotServableError, match=told):
        checker.check("one.json", raws[kind])
    pid = checker.pid
    with pytest.raises(NotServableError, match=told):
        checker.check("one.json", raws[kind])
    assert checker.pid == pid


def test_a_loader_that_hangs_is_an_answer(loading: Loading, raws: tuple[bytes, bytes]) -> None:
    checker = loading("import time; time.sleep(600)", seconds=0.2)
    with pytest.raises(NotServableError, match="was not loaded within"):
        checker.check("one.json", raws[0])


def test_a_loader_that_takes_the_memory_is_an_answer(loading: Loading, raws: tuple[bytes, bytes]) -> None:
    checker = loading("b = bytearray(8 * 2**30)")
    with pytest.raises(NotServableError, match=r"ended the process that tried \(status 1\)"):
        checker.check("one.json", raws[0])


@pytest.mark.parametrize("does", ["print('x' * 2**20, flush=True)", "import os; os._exit(0)"], ids=["talks", "ends"])
def test_a_loader_that_ends_without_a_word_is_no_good_model(
    loading: Loading, raws: tuple[bytes, bytes], does: str
) -> None:
    """As one would whose memory the file has written over."""
    with pytest.raises(NotServableError):
        loading(does).check("one.json", raws[0])


def test_a_process_that_was_killed_is_started_again(checker: Checker, raws: tuple[bytes, bytes]) -> None:
    checker.check("first.json", raws[0])
    killed = checker.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    checker.check("first.json", raws[0])
    assert checker.pid != killed


def test_a_process_may_be_there_before_it_is_asked(checker: Checker, raws: tuple[bytes, bytes]) -> None:
    checker.prepare()
    prepared = checker.pid
    assert prepared is not None
    checker.prepare()
    checker.check("first.json", raws[0])
    assert checker.pid == prepared


def test_a_process_that_nobody_asks_gives_its_memory_back(raws: tuple[bytes, bytes]) -> None:
    checker = Checker(idle=0.2)
    checker.check("first.json", raws[0])
    first = checker._process
    assert first is not None
    assert first.wait(60) == 0
    checker.check("first.json", raws[0])
    checker.close()


def test_a_process_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch, raws: tuple[bytes, bytes]) -> None:
    monkeypatch.setattr(module, "_CHILD", "raise SystemExit(3)")
    checker = Checker()
    with pytest.raises(ServingError, match="the process that checks models does not answer"):
        checker.check("first.json", raws[0])
    assert checker.pid is None


def test_it_ends_with_the_process_that_asks(models: tuple[str, str]) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from dsflow.serving.checker import Checker;"
        "c = Checker(); c.check('first.json', Path(sys.argv[1]).read_bytes()); print(c.pid, flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, models[0]], stdout=subprocess.PIPE, text=True, check=False)
    pid, deadline = int(done.stdout), time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
