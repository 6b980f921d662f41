"""A text compared with a number, a text taken for a truth, and a value that breaks the script."""

from dsflow import Python, Workflow

with Workflow("w", project="p", params={"min_auc": 0.7, "strict": True, "title": 'the "best"'}) as wf:
    Python(
        "compare",
        """
        if "${min_auc}" > 0.5:  # <- DSF203
            print("high")
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
