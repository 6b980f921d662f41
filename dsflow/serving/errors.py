"""What the prediction server refuses, and the HTTP status that says so.

ServingError                      500
├── BadRequestError               400  the body of a request is not what the path takes
├── BodyTooLargeError             413
├── TooBusyError                  503  too much is arriving at once
├── NotServableError              422  the deployment or the model that /update names cannot be served
├── NoModelError                  503  nothing is served yet
├── StoreError                    500  the model directory cannot be read or written
├── ApiServerError                502  OpenMLDB's APIServer refused a request
└── ApiServerUnreachableError     503  OpenMLDB's APIServer does not answer
"""

from __future__ import annotations

from collections.abc import Sequence

from dsflow.errors import DsflowError, ServerError, UnreachableError


class ServingError(DsflowError):
    """Base of the prediction server's errors; ``status`` is the HTTP status of the answer.

    Args:
        message: what is wrong, without a path of the server's or a statement: clients read it.
        hint: what to do about it.
        detail: what goes to the log alone.
    """

    status: int = 500
    retry_after: int | None = None
    """Seconds after which to ask again (the header ``Retry-After``), where that may help."""

    def __init__(self, message: str, *, hint: str | None = None, detail: str = "") -> None:
        super().__init__(message, hint=hint)
        self.detail = detail

    def to_json(self) -> dict[str, object]:
        """The JSON body of the answer: ``error``, and ``hint`` when there is one."""
        answer: dict[str, object] = {"error": self.message}
        if self.hint:
            answer["hint"] = self.hint
        return answer


class BadRequestError(ServingError):
    """The body of a request is not what the path takes.

    Args:
        message: what is wrong.
        hint: what to do about it.
        problems: one text for each thing that is wrong, when there may be several.
    """

    status = 400

    def __init__(self, message: str, *, hint: str | None = None, problems: Sequence[str] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)

    def to_json(self) -> dict[str, object]:
        return super().to_json() | ({"problems": list(self.problems)} if self.problems else {})


class BodyTooLargeError(ServingError):
    """The body of a request, or its number of rows, is above the server's limit."""

    status = 413


class TooBusyError(ServingError):
    """The bodies of requests that are arriving take too much memory together."""

    status = 503
    retry_after = 1

    def __init__(self) -> None:
        super().__init__("too many large requests are arriving", hint="ask again in a second")


class NotServableError(ServingError):
    """The deployment or the model that an update names cannot be served."""

    status = 422


class NoModelError(ServingError):
    """No deployment and model are served yet."""

    status = 503

    def __init__(self) -> None:
        super().__init__(
            "no model is served yet",
            hint='POST /update with {"database": ..., "deployment": ..., "model_path": ...} first',
        )


class StoreError(ServingError):
    """The model directory cannot be read or written."""


class ApiServerError(ServingError, ServerError):
    """OpenMLDB's APIServer answered, and the answer is a refusal or not what its protocol says."""

    status = 502


class ApiServerUnreachableError(ServingError, UnreachableError):
    """OpenMLDB's APIServer does not answer."""

    status = 503
    retry_after = 1
