"""The built-in tools that a verifier looks with: a file's content, a command's end, an HTTP answer.

    await READERS[FILE]({"path": "notes.txt"})   # {"path", "exists", "size", "sha256"}

They change nothing, but for what a command does: that is up to whoever wrote it into the spec. What cannot be
looked at raises `CannotLook`; the criteria in `world` say what each value means.

Does not cover: a command that leaves its process group (a daemon); it lives on, and its output is not
waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import stat
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import JsonValue

from ...tools.errors import ToolError

FILE, COMMAND, HTTP = "world.file", "world.command", "world.http"
"""Names of the built-in tools; no tool of a worker has a dot in its name."""

MOST_BYTES = 256 * 2**20
"""Bytes of a file that are read to hash it."""

MOST_TEXT = 4 * 2**20
"""Bytes of a file that is read as text, and of an HTTP answer."""

KEPT = 2_000
"""Characters of the end of what a command prints that are kept."""

PLAIN = {"accept-encoding": "identity"}
"""Asks for an answer that is as long as it says."""

PIECE = 2**16
GRACE = 2.0
"""Seconds that the output of a command is waited for once it has ended."""


class CannotLook(ToolError):
    """Something kept a look from being made; it says nothing about what would have been seen."""

    def __init__(self, what: str, why: str) -> None:
        self.what, self.why = what, why
        super().__init__(f"{what} could not be looked at: {why.rstrip(' .')}.")


async def read_file(args: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """A file: {"path", "exists", "size" in bytes, "sha256", "text" where args ask for it}.

    Args:
        args: {"path", "text": whether it is read as UTF-8 text}.

    Raises:
        CannotLook: It is no ordinary file, may not be read, is too large, or is no UTF-8 text.
    """
    return await asyncio.to_thread(_file, str(args["path"]), bool(args.get("text")))


def _file(path: str, text: bool) -> dict[str, JsonValue]:
    place, most = Path(path), MOST_TEXT if text else MOST_BYTES
    try:
        kind = place.stat()
        if not stat.S_ISREG(kind.st_mode):  # reading a pipe or a device could take for ever
            raise CannotLook(path, "it is no ordinary file")
        with place.open("rb") as file:
            digest, content = hashlib.sha256(), bytearray()
            while piece := file.read(PIECE):
                digest.update(piece)
                content += piece if text else b""
                if file.tell() > most:
                    raise CannotLook(path, f"it is larger than the {most} bytes that are read")
            size = file.tell()
    except (FileNotFoundError, NotADirectoryError):
        return {"path": path, "exists": False}
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        raise CannotLook(path, _reason(error)) from error
    seen: dict[str, JsonValue] = {"path": path, "exists": True, "size": size, "sha256": digest.hexdigest()}
    if not text:
        return seen
    try:
        return seen | {"text": content.decode("utf-8")}
    except UnicodeDecodeError as error:
        raise CannotLook(path, "it is no UTF-8 text") from error


async def run_command(args: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The end of a command: {"code", "output", "error"}, the texts cut to their last characters.

    It runs without a shell, reads nothing, in a process group of its own, which is killed when the command
    ends, when its time is over and when the look is cancelled. A code below 0 is the signal that ended it.

    Args:
        args: {"argv", "cwd", "timeout" in seconds}.

    Raises:
        CannotLook: There is no such program or folder, or it was not over in time.
    """
    argv, timeout = [str(each) for each in cast("list[JsonValue]", args["argv"])], float(str(args["timeout"]))
    async with _Pipe() as output, _Pipe() as errors:
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                cwd=str(args.get("cwd") or "") or None,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output.into,
                stderr=errors.into,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:  # ValueError: a zero byte in an argument
            raise CannotLook(argv[0], _reason(error)) from error
        try:
            async with asyncio.timeout(timeout):
                code = await process.wait()
        except TimeoutError as error:
            raise CannotLook(argv[0], f"it was not over after {timeout:g} s") from error
        finally:
            with contextlib.suppress(
                ProcessLookupError, PermissionError
            ):  # also what it left in the background
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        return {"code": code, "output": await output.end(), "error": await errors.end()}


class _Pipe:
    """A pipe to write into, of which the last characters are kept.

    It is our own: with asyncio's pipes a process counts as running until whatever it left behind has ended.

    Attributes:
        into: File descriptor to write to.
    """

    async def __aenter__(self) -> _Pipe:
        stream = asyncio.StreamReader()
        reading, self.into = os.pipe()
        self._open = True
        self._transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb", 0)
        )
        self._kept = bytearray()
        self._reading = asyncio.ensure_future(self._read(stream))
        return self

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while piece := await stream.read(PIECE):
            self._kept += piece
            del self._kept[: -4 * KEPT]

    async def end(self) -> str:
        """The last characters; whoever still writes is waited for a moment only."""
        self._close()
        await asyncio.wait({self._reading}, timeout=GRACE)
        return self._kept.decode("utf-8", "replace")[-KEPT:]

    def _close(self) -> None:
        if self._open:
            self._open = False
            os.close(self.into)

    async def __aexit__(self, *_: object) -> None:
        self._close()
        self._reading.cancel()
        self._transport.close()


async def ask_http(args: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """An HTTP answer: {"url", "status", "text", "json" where it is any}.

    Redirects are not followed, and no proxy or password of the environment is used.

    Args:
        args: {"url", "method", "timeout" in seconds for the whole, "must_be_up": whether a refused
            connection is an answer too, with status None}.

    Raises:
        CannotLook: The connection is refused or broke off, it was not over in time, or is too large.
    """
    import httpx

    url, timeout = str(args["url"]), float(str(args["timeout"]))
    content = bytearray()
    try:
        async with (
            asyncio.timeout(timeout),
            httpx.AsyncClient(headers=PLAIN, timeout=timeout, trust_env=False) as client,
            client.stream(str(args["method"]), url) as answer,
        ):
            async for piece in answer.aiter_bytes():
                content += piece
                if len(content) > MOST_TEXT:
                    raise CannotLook(url, f"the answer is larger than the {MOST_TEXT} bytes that are read")
            text = content.decode(answer.encoding or "utf-8", "replace")
    except httpx.ConnectError as error:
        if args.get("must_be_up") and _is_refusal(error):
            return {"url": url, "status": None, "text": ""}
        raise CannotLook(url, _reason(error)) from error
    except (TimeoutError, httpx.TimeoutException) as error:
        raise CannotLook(url, f"it gave no answer within {timeout:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL, LookupError) as error:  # LookupError: an unknown encoding
        raise CannotLook(url, _reason(error)) from error
    seen: dict[str, JsonValue] = {"url": url, "status": answer.status_code, "text": text}
    try:
        seen["json"] = json.loads(text)
    except (ValueError, RecursionError):
        return seen
    return seen


def _is_refusal(error: BaseException | None) -> bool:
    """Whether it comes of a refused connection, rather than of an unknown name or a bad certificate."""
    if error is None or isinstance(error, ConnectionRefusedError):
        return error is not None
    inner: tuple[BaseException, ...] = ()
    if isinstance(error, BaseExceptionGroup):
        inner = cast("BaseExceptionGroup[BaseException]", error).exceptions
    return any(map(_is_refusal, (error.__cause__, error.__context__, *inner)))


def _reason(error: Exception) -> str:
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(said).rstrip(" .")


def told(tool: str, seen: Any) -> str:
    """What a built-in tool saw, in a few words, as evidence that a reader can hold against the world."""
    if tool == FILE:
        return f"sha256 {seen['sha256']}" if seen["exists"] else "no such file"
    if tool == COMMAND:
        return f"exit code {seen['code']}"
    return "nobody listens" if seen["status"] is None else f"status {seen['status']}"


READERS: Mapping[str, Callable[[Mapping[str, JsonValue]], Awaitable[dict[str, JsonValue]]]] = {
    FILE: read_file,
    COMMAND: run_command,
    HTTP: ask_http,
}
"""The built-in tools by name."""
