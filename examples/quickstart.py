"""A small pipeline: a Python function, its output, and a switch on it. Run it: `quickstart.py run --local`."""

from dsflow import Python, Shell, Switch, Workflow


def measure(limit: int) -> object:
    """Count the words of a file that is always there; imports stand inside, as the worker has the function alone."""
    import this

    text = "".join(this.d.get(letter, letter) for letter in this.s)
    words = len(text.split())
    return {"words": words, "share": words / limit}


with Workflow("quickstart", project="examples", params={"limit": 100, "enough": 0.5}) as wf:
    count = Python("count", measure, args={"limit": wf.params.limit}, outputs={"words": int, "share": float})
    publish = Shell("publish", f"echo 'published {count.outputs.words} words'")
    ask = Shell("ask for more", f"echo 'only {count.outputs.share} of {wf.params.limit} words'; exit 1")

    count >> Switch("enough?", {count.outputs.share >= wf.params.enough: publish}, otherwise=ask)

if __name__ == "__main__":
    wf.cli()
