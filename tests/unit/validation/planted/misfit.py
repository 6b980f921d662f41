"""A text compared with a number, a text taken for a truth, and a value that breaks the script."""

from dsflow import Python, Shell, Workflow

with Workflow("w", project="p", params={"min_auc": 0.7, "strict": True, "title": 'the "best"'}) as wf:
    Python(
        "compare",
        """
        if "${min_auc}" > 0.5:  # <- DSF203
            print("high")
        """,
    )
    Shell(
        "shell",
        """
        if [ ${min_auc} -gt 0 ]; then echo yes; fi  # <- DSF203
        if [[ 3 -lt "${title}" ]]; then echo yes; fi  # <- DSF203
        echo $((${min_auc} * 100))  # <- DSF203
        """,
    )
    Python(
        "truth",
        """
        if "${strict}":  # <- DSF203
            print("strict")
        """,
    )
    Python(
        "quote",
        """
        title = "${title}"  # <- DSF203
        """,
    )
