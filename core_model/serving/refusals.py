"""Why a request is not answered: HTTP status and OpenAI's error object."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ValidationError
from starlette.responses import JSONResponse

from ..errors import (
    CacheFull,
    EngineClosed,
    InvalidGrammar,
    InvalidSampling,
    NoRoomToClose,
    NothingAllowed,
    PromptTooLong,
    RequestCancelled,
    TemplateError,
)

Kind = Literal["invalid_request_error", "rate_limit_error", "server_error"]


class Refusal(Exception):
    """An answer other than the one asked for.

    Attributes:
        status: HTTP status.
        message: What happened and what to do; whoever sent the request reads it.
        code: OpenAI's word for it, if there is one.
        param: Name of the field it is about, if it is about one.
        retry_after: Seconds after which to try again, if that may help.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        self.status, self.message, self.code, self.param = status, message, code, param
        self.retry_after = retry_after
        super().__init__(message)

    @property
    def kind(self) -> Kind:
        """OpenAI's type of error."""
        if self.status == 429:
            return "rate_limit_error"
        return "server_error" if self.status >= 500 else "invalid_request_error"

    def body(self) -> dict[str, Any]:
        """OpenAI's error object."""
        told = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return {"error": told}

    def response(self) -> JSONResponse:
        """The answer that carries it."""
        headers: dict[str, str] = {}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse(self.body(), self.status, headers)


def refusal_of(error: Exception, prompt: str | None = None) -> Refusal | None:
    """How a request's error is told to its sender; None for one that is the server's own.

    Args:
        error: What ended the request.
        prompt: The field of the request that its prompt is in.
    """
    if isinstance(error, Refusal):
        return error
    if isinstance(error, PromptTooLong):
        return Refusal(400, str(error), code="context_length_exceeded", param=prompt)
    if isinstance(error, InvalidGrammar):
        return Refusal(400, str(error), code="invalid_schema")
    if isinstance(error, TemplateError):
        return Refusal(400, f"The model's chat template refuses these messages: {error.why}.")
    if isinstance(error, InvalidSampling | NoRoomToClose | NothingAllowed):
        return Refusal(400, str(error))
    if isinstance(error, CacheFull):
        return Refusal(503, "There is no memory for this request now.", retry_after=5)
    if isinstance(error, RequestCancelled):
        return Refusal(503, "The request was cancelled before it was answered. Try again.", retry_after=5)
    if isinstance(error, EngineClosed):
        return Refusal(503, "The engine has ended. The server must be started again.")
    return None


def invalid(error: ValidationError) -> Refusal:
    """The first thing that is wrong with a body."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return Refusal(400, f"The body is not JSON: {first['msg']}.")
    param = _path(first["loc"])
    if first["type"] == "value_error":
        message = first["msg"].removeprefix("Value error, ")
        return Refusal(400, f"{message[0].upper()}{message[1:]}.", code="invalid_value", param=param or None)
    if first["type"] == "extra_forbidden":
        return Refusal(
            400, f"Unrecognized request argument supplied: {param}.", code="unknown_parameter", param=param
        )
    if first["type"] == "missing":
        message = f"Missing required parameter: '{param}'."
        return Refusal(400, message, code="missing_required_parameter", param=param)
    return Refusal(400, f"Invalid value for '{param}': {first['msg']}.", code="invalid_value", param=param)


_VARIANTS = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


def _path(place: tuple[int | str, ...]) -> str:
    """`messages[0].content` out of pydantic's path, without the names of variants tried on the way."""
    text = ""
    for number, part in enumerate(place):
        if isinstance(part, int):
            text += f"[{part}]"
        elif (
            part != "str"
            and _is_name(part)
            and not (part in _VARIANTS and number and isinstance(place[number - 1], int))
        ):
            text += f".{part}" if text else part
    return text


def _is_name(part: str) -> bool:
    return part.replace("_", "").isalnum() and part == part.lower()
