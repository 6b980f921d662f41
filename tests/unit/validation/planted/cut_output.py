"""Outputs that DolphinScheduler 3.1 cuts or loses."""

from dsflow import Python, Shell, Workflow

with Workflow("w", project="p") as wf:
    train = Shell(
        "train",
        """
        python3 -c 'print("${setValue(model=/m/dt=2024-01-01/model.json)}")'  # <- DSF306
        awk 'BEGIN { print "${setValue(call=f(x))}" }'  # <- DSF306
        [ -f x ] || echo '${setValue(other=/m/dt=2024-01-01)} ${setValue(none=)}'
        """,
        outputs={"model": str, "call": str, "other": str, "none": str},
    )
    numbers = Shell(
        "numbers",
        """
        echo '${setValue(a=1)} ${setValue(b=2)}'  # <- DSF306
        echo "#{setValue(rows=$(wc -l < f))}"
        """,
        outputs={"a": int, "b": int, "rows": int},
    )
    logs = Python(
        "logs",
        """
        import logging
        logging.warning("${setValue(score=1)}")  # <- DSF306
        print("${setValue(path=/m/dt=2024-01-01/model.json)}")
        """,
        outputs={"score": int, "path": str},
    )
    use = Shell("use", "echo ${model} ${call} ${other} ${none} ${a} ${b} ${rows} ${score} ${path}")
    [train, numbers, logs] >> use
