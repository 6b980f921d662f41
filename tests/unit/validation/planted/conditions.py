"""Conditions of switches that servers fail at, or decide differently."""

from dsflow import Shell, Switch, Workflow
from dsflow.declare.params import Condition

SCRIPT = """
echo '${setValue(kind=A)}'
echo '${setValue(n=5)}'
echo '${setValue(m=-1)}'
echo '${setValue(on=true)}'
"""


def branches(number: int) -> tuple[Shell, Shell]:
    return Shell(f"full {number}", "true"), Shell(f"part {number}", "true")


with Workflow("w", project="p", params={"least": 5, "most": 10, "title": 'a "b"'}) as wf:
    outputs = {"kind": str, "n": int, "m": int, "on": bool}
    start = Shell("start", SCRIPT, outputs=outputs)
    conditions = [
        '"${kind}" == "A"',  # <- DSF411
        "'${kind}' == 'A'",  # <- DSF411
        "${n} = 5",  # <- DSF411
        "[1, 5].includes(${n})",  # <- DSF411
        "${n}",  # <- DSF411
        "${on} == true",  # <- DSF412
        '"${on}" == "true"',  # <- DSF412
        '${kind} == "010"',  # <- DSF412
        "${least} === 5",  # <- DSF412
        "${least} < ${most}",  # <- DSF412
        "${system.biz.date} > 20240101",  # <- DSF412
        "${n} -${m} > 0",  # <- DSF413
        '${title} == "x"',  # <- DSF413
        "java.lang.Math.max(${n}, 1) > 0",  # <- DSF414
        "${n} - ${m} > 0",
        '${kind} == "A"',
        'String(${on}) == "true"',
        "Number(${least}) < Number(${most})",
        '"0x10" == 16',
    ]
    for number, condition in enumerate(conditions):
        full, part = branches(number)
        start >> Switch(f"choose {number}", {Condition(condition): full}, otherwise=part)
