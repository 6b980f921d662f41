"""Outputs on 3.1: written so that they arrive whole. How the series read them is held against their own classes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stdout

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsflow.definition import Definition, TaskDefinition
from dsflow.outputs import CODED, CODING, coded_params, decoded, read_outputs
from dsflow.placeholders import fill_names

PIECES = st.sampled_from(
    ["=", ")", "(", "\n", "\r", "\r\n", "}", "{", "$", " ", "a", "/dt=2024-01-01/model.json", "#{", "中"]
)
VALUES = (st.text(st.characters(exclude_categories=["Cs"])) | st.lists(PIECES).map("".join)).filter(
    lambda value: ")}" not in value and not value.endswith(")") and "${" not in value and "$VarPool$" not in value
)


def written(*chunks: str) -> str:
    """What arrives on standard output of a script that begins with the coding lines and writes these chunks."""
    stream = io.StringIO(newline="")
    with redirect_stdout(stream):
        exec(CODING["PYTHON"], {})
        for chunk in chunks:
            sys.stdout.write(chunk)
    return stream.getvalue()


@given(VALUES, st.sampled_from(["", "log ", "log\n"]), st.sampled_from(["", "\n", " tail", " tail\n"]))
def test_a_value_arrives_whole(value: str, before: str, after: str) -> None:
    mark = "${" + f"setValue(path={value})}}"
    for text in (written(before, mark, after), written(before + mark + after)):
        found = read_outputs(text, (3, 1))
        assert {name: decoded(v) for name, v in found.items()} == {"path": value}
        # on a server it is filled in where the output is
        assert fill_names("[${path}]", {**CODED, **found}) == f"[{value}]"
        assert {name: decoded(v) for name, v in read_outputs(text, (3, 2)).items()} == {"path": value}


@given(st.lists(st.tuples(st.sampled_from("ab"), VALUES), max_size=4), st.sampled_from(["", " ", "\n"]))
def test_several_values_in_a_line(values: list[tuple[str, str]], between: str) -> None:
    text = written(between.join("#{" + f"setValue({name}={value})}}" for name, value in values))
    assert {name: decoded(v) for name, v in read_outputs(text, (3, 1)).items()} == dict(values)


@given(st.text().filter(lambda text: "setValue" not in text))
def test_other_text_is_written_as_it_is(text: str) -> None:
    assert written(text) == text


def test_a_script_writes_its_outputs_coded() -> None:
    script = (
        f"{CODING['PYTHON']}\nprint('x', '$' + "
        "'{setValue(path=/m/dt=2024/f(x).json)}', 3)\nprint('$' + '{setValue(none=)}')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "x ",
        "${setValue(path=/m/dt${dsflow_equals}2024/f(x${dsflow_close}.json)} 3",
        "${setValue(none=${dsflow_nothing})}",
    ]
    assert done.stdout.endswith("\n")
    assert "${" not in CODING["PYTHON"]  # a server would fill it


def shell_written(script: str, shell: str = "bash", **variables: str) -> str:
    """What a shell script writes that begins with the coding line."""
    done = subprocess.run(
        [shell, "-c", f"{CODING['SHELL']}\nset -eu\n{script}"],
        capture_output=True,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **variables},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


@settings(max_examples=60)
@given(VALUES.filter(lambda value: "\0" not in value), st.sampled_from(["", "log ", "log\n"]))
def test_a_value_of_a_shell_arrives_whole(value: str, before: str) -> None:
    script = 'printf %s "$B"\nprintf "#{setValue(path=%s)}\\n" "$V"\nprintf "%s\\n" end'
    text = shell_written(script, B=before, V=value)
    found = read_outputs(text, (3, 1))
    assert {name: decoded(v) for name, v in found.items()} == {"path": value}
    assert text.endswith("\nend\n")


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_a_shell_writes_its_outputs_coded(shell: str) -> None:
    script = (
        "echo 'f(x)' '${setValue(path=/m/dt=2024)} and ${setValue(none=)}'\n"
        'echo "#{setValue(n=$((1 + 2)))}"\n(echo -n a; echo b)'
    )
    assert shell_written(script, shell).splitlines()[:9] == [
        "",
        "f(x) ",
        "${setValue(path=/m/dt${dsflow_equals}2024)}",
        " and ",
        "${setValue(none=${dsflow_nothing})}",
        "",
        "#{setValue(n=3)}",
        "ab",
    ]
    assert "${" not in CODING["SHELL"]  # a server would fill it


def test_printf_into_a_variable_stays_in_the_shell() -> None:
    assert shell_written("printf -v x '${setValue(%s=' a\nbuiltin echo \"$x\"") == "${setValue(a=\n"


@pytest.mark.parametrize(
    ("kind", "type_", "coded"),
    [("PYTHON", "VARCHAR", True), ("PYTHON", "DOUBLE", False), ("SHELL", "VARCHAR", True), ("SHELL", "DOUBLE", False)],
)
def test_which_workflows_have_parameters_of_that(kind: str, type_: str, coded: bool) -> None:
    task = TaskDefinition("t", kind, {"rawScript": "", "localParams": [{"prop": "x", "direct": "OUT", "type": type_}]})
    assert bool(coded_params(Definition("p", "w", (task,), ()))) is coded
