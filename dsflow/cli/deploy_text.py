"""How a deployment is told: for the terminal, as JSON, and as Markdown for a pull request. Pure functions."""

from __future__ import annotations

from typing import Any

from dsflow.dolphinscheduler.deploy import Deployment, Item
from dsflow.dolphinscheduler.plan_text import plan_to_dict, render_plan
from dsflow.errors import DsflowError

MAX_MARKDOWN = 60_000  # GitHub takes comments of 65,536 characters
_SIGN = {
    "unchanged": "=", "created": "+", "to create": "+", "updated": "~", "to update": "~", "failed": "✗", "skipped": "-",
}  # fmt: skip


def line(item: Item) -> str:
    """One workflow in one line."""
    word = _word(item)
    text = f"{_SIGN[word]} {word:<9}  {'/'.join(item.key)}"
    if item.error is not None:
        text += "\n    " + str(item.error).replace("\n", "\n    ")
    return text


def _word(item: Item) -> str:
    if item.outcome != "planned":
        return item.outcome
    return "to create" if item.plan.action == "create" else "to update"


def totals(deployment: Deployment) -> str:
    """The last line: how many of what."""
    counts: dict[str, int] = {}
    for item in deployment.items:
        word = _word(item)
        counts[word] = counts.get(word, 0) + 1
    parts = [f"{number} {word}" for word, number in counts.items()]
    if deployment.pruned:
        parts.append(f"{len(deployment.pruned)} deleted")
    elif deployment.to_prune:
        parts.append(f"{len(deployment.to_prune)} to delete")
    if deployment.errors:
        number = len(deployment.errors)
        parts.append(f"{number} {'error' if number == 1 else 'errors'}")
    return ", ".join(parts) or "no workflows"


def all_notes(deployment: Deployment) -> list[str]:
    """What a user should know: of the whole deployment, and of single workflows; the same of all is said once."""
    found: dict[str, list[str]] = {}
    written = [i for i in deployment.items if i.result is not None and i.result.written]
    for item in deployment.items:
        for note in item.result.notes if item.result else item.plan.notes:
            found.setdefault(note, []).append("/".join(item.key))
    notes = list(deployment.notes)
    for note, names in found.items():
        everywhere = len(names) > 1 and len(names) >= len(written)
        notes.append(note if everywhere else f"{', '.join(names)}: {note}")
    return notes


def to_dict(deployment: Deployment, *, dry_run: bool) -> dict[str, Any]:
    """The deployment as plain data."""
    return {
        "repository": deployment.owner,
        "dryRun": dry_run,
        "failed": deployment.failed,
        "workflows": [
            {
                "project": item.key[0],
                "workflow": item.key[1],
                "file": item.declared.file,
                "outcome": item.outcome,
                "url": item.url or None,
                "version": item.result.version if item.result else item.state.version or None,
                "error": error_dict(item.error) if item.error else None,
                "plan": plan_to_dict(item.plan) if not item.plan.is_empty else None,
                "notes": list(item.result.notes if item.result else item.plan.notes),
            }
            for item in deployment.items
        ],
        "toDelete": [
            {"project": p.project, "workflow": p.entry.name, "file": p.entry.file} for p in deployment.to_prune
        ],
        "deleted": [{"project": p.project, "workflow": p.entry.name, "file": p.entry.file} for p in deployment.pruned],
        "errors": [error_dict(e) for e in [*deployment.errors, *deployment.prune_errors]],
        "notes": deployment.notes,
    }


def error_dict(error: DsflowError) -> dict[str, Any]:
    """An error as plain data."""
    return {"message": error.message, "where": str(error.where) if error.where else None, "hint": error.hint}


def markdown(deployment: Deployment, *, dry_run: bool, target: str) -> str:
    """The deployment for a pull request; what does not fit a comment is left out, and said to be.

    Args:
        target: where to, for the title.
    """
    title = "dsflow: what a deployment would do" if dry_run else "dsflow: deployed"
    if deployment.failed:
        title = "dsflow: this cannot be deployed" if deployment.errors else "dsflow: not everything was deployed"
    lines = [f"### {title}", "", f"To {_code(target)}: {totals(deployment)}.", ""]
    for error in [*deployment.errors, *deployment.prune_errors]:
        lines += [f"- ❌ {_code(str(error.where)) + ': ' if error.where else ''}{_escape(error.message)}"]
        if error.hint:
            lines.append(f"  <br>{_escape(error.hint)}")
    shown = [i for i in deployment.items if i.outcome != "unchanged"]
    if shown or deployment.to_prune:
        lines += ["", "| workflow | what | source |", "|---|---|---|"]
    for item in shown:
        word = line(item).splitlines()[0].split("  ")[0].strip()
        name = _escape("/".join(item.key)).replace("|", "\\|")
        lines.append(f"| {f'[{name}]({item.url})' if item.url else name} | {word} | {_code(item.declared.file)} |")
    done = {p.entry.code for p in deployment.pruned}
    for gone in deployment.to_prune:
        name = _escape(f"{gone.project}/{gone.entry.name}").replace("|", "\\|")
        word = "deleted" if gone.entry.code in done else "to delete" if dry_run else "not deleted"
        lines.append(f"| {name} | {word} | {_code(gone.entry.file)} (gone) |")
    for note in all_notes(deployment):
        lines += ["", f"> {_escape(note)}"]
    return _with_details(lines, shown)


def _with_details(lines: list[str], items: list[Item]) -> str:
    text = "\n".join(lines) + "\n"
    for number, item in enumerate(items):
        body = render_plan(item.plan) if item.error is None else str(item.error) + "\n"
        fence = "```"
        while fence in body:
            fence += "`"
        name = _escape("/".join(item.key))
        block = f"\n<details><summary>{name}</summary>\n\n{fence}diff\n{_as_diff(body)}{fence}\n\n</details>\n"
        if len(text) + len(block) > MAX_MARKDOWN:
            return text + f"\n{len(items) - number} more are left out here, because a comment has no room for them.\n"
        text += block
    return text


def _as_diff(text: str) -> str:
    """Plan lines with their sign in the first column, where a diff's colours look for it."""
    found = []
    for one in text.splitlines():
        bare = one.lstrip()
        sign = bare[:1]
        found.append(f"{sign} {one[: len(one) - len(bare)]}{bare[1:].lstrip()}" if sign in ("+", "-") else f"  {one}")
    return "".join(f"{one.rstrip()}\n" for one in found)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")


def _code(text: str) -> str:
    return f"`{text.replace('`', '').replace('|', '')}`"
