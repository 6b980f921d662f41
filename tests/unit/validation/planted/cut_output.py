"""Outputs that DolphinScheduler 3.1 cuts or loses."""

from dsflow import Python, Shell, Workflow

with Workflow("w", project="p") as wf:
    train = Shell(
        "train",
        """
        echo '${setValue(model=/m/dt=2024-01-01/model.json)}'  # <- DSF306
        echo '${setValue(call=f(x))}'  # <- DSF306
        echo '${setValue(none=)}'  # <- DSF306
        echo '${setValue(a=1)} ${setValue(b=2)}'  # <- DSF306
        echo "#{setValue(rows=$(wc -l < f))}"
        """,
        outputs={"model": str, "call": str, "none": str, "a": int, "b": int, "rows": int},
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
    use = Shell("use", "echo ${model} ${call} ${none} ${a} ${b} ${rows} ${score} ${path}")
    [train, logs] >> use
