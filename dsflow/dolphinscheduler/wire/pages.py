"""Addresses of DolphinScheduler's web page."""

from __future__ import annotations

from dsflow.config import Profile


def web_url(profile: Profile) -> str:
    """Where the web page is: ``web_url`` of the profile, else ``/ui`` beside the API."""
    return (profile.web_url or profile.require_api() + "/ui").rstrip("/")


def workflow_page(profile: Profile, project: int, code: int) -> str:
    """Where a workflow is drawn and edited."""
    return f"{web_url(profile)}/projects/{project}/workflow/definitions/{code}"


def run_page(profile: Profile, project: int, workflow: int, instance: int) -> str:
    """Where a run is followed."""
    return f"{web_url(profile)}/projects/{project}/workflow/instances/{instance}?code={workflow}"
