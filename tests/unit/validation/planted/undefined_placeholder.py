"""Names misspelt in scripts; the environment's variables are fine."""

from dsflow import Python, Shell, Workflow

with Workflow("w", project="p", params={"min_auc": 0.7}) as wf:
    Shell(
        "shell",
        """
        price=3
        echo "${HOME} ${price} ${min_auc}"
        echo "${min_acu}"  # <- DSF201
        """,
    )
    Python(
        "python",
        """
        import os
        limit = float("${min_auc}")
        other = float("${min_auk}")  # <- DSF201
        """,
    )
