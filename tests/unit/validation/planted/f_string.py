"""In an f-string, DolphinScheduler fills before Python does."""

from dsflow import Python, Workflow

with Workflow("w", project="p", params={"price": 3}) as wf:
    Python(
        "python",
        """
        price = 2 * int("${price}")
        print(f"it costs ${price}")  # <- DSF202
        """,
    )
