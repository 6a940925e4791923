"""What can go wrong in `core_model`, each error with the value and what to do.

All of them are for the operator: none is meant to be shown to a model.
"""

from __future__ import annotations

from pathlib import Path


class CoreModelError(Exception):
    """Anything that this package raises on purpose."""


class UnknownCheckpoint(CoreModelError):
    """A folder, name or architecture that this package cannot open."""

    def __init__(self, source: object, why: str, remedy: str) -> None:
        self.source, self.why = source, why
        super().__init__(f"Cannot open the checkpoint {str(source)!r}: {why.rstrip(' .')}. {remedy}")


class MissingWeights(CoreModelError):
    """The checkpoint is known, but some or all of its weights are not there."""

    def __init__(self, folder: object, missing: str, remedy: str) -> None:
        self.folder, self.missing = folder, missing
        super().__init__(f"Weights are missing in {str(folder)!r}: {missing}. {remedy}")


class CorruptWeights(CoreModelError):
    """A file of the checkpoint is not the file that was saved."""

    def __init__(self, path: Path | str, why: str) -> None:
        self.path, self.why = str(path), why
        super().__init__(
            f"The file {str(path)!r} is damaged: {why.rstrip(' .')}. Fetch or copy the checkpoint again."
        )


class TrainingRefused(CoreModelError):
    """A folder of a training that cannot be used as asked; nothing in it was changed."""

    def __init__(self, folder: object, why: str, remedy: str) -> None:
        self.folder, self.why = str(folder), why
        super().__init__(f"The folder {str(folder)!r} cannot be used: {why}. {remedy}")


class PromptTooLong(CoreModelError):
    """A prompt leaves no room in the context; nothing was cut or generated."""

    def __init__(self, tokens: int, context_length: int) -> None:
        self.tokens, self.context_length = tokens, context_length
        super().__init__(
            f"The prompt has {tokens} tokens; the context is {context_length} and must hold the answer too. "
            "Shorten the prompt or load a model with a longer context."
        )


class InvalidGrammar(CoreModelError):
    """A grammar that cannot be compiled."""

    def __init__(self, grammar: str, why: str) -> None:
        self.grammar, self.why = grammar, why
        super().__init__(f"The grammar {grammar[:200]!r} cannot be compiled: {why}. Correct the grammar.")


class EngineClosed(CoreModelError):
    """A request to an engine or model that was closed."""

    def __init__(self) -> None:
        super().__init__("The engine is closed. Open the model again with load_model().")


class RequestCancelled(CoreModelError):
    """The work was cancelled before there was anything to return."""

    def __init__(self) -> None:
        super().__init__(
            "The request was cancelled before it produced anything. Send it again if it is still needed."
        )


class SequenceBusy(CoreModelError):
    """A sequence is in use by another request."""

    def __init__(self) -> None:
        super().__init__(
            "The sequence already has a request under way. Wait for it, or fork the sequence first."
        )


class TemplateError(CoreModelError):
    """A chat template that cannot be rendered."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(
            f"The chat template cannot be rendered: {why}. Correct chat_template.jinja in the checkpoint."
        )


class RemoteError(CoreModelError):
    """A model server failed; `status` is the HTTP status, None when there was no answer."""

    def __init__(self, url: str, why: str, remedy: str, status: int | None = None) -> None:
        self.url, self.why, self.status = url, why, status
        super().__init__(f"The model server {url!r} failed: {why.rstrip(' .')}. {remedy}")


class NotAModelServer(RemoteError):
    """The URL answers, but not as an OpenAI-compatible server."""

    def __init__(self, url: str, why: str, status: int | None = None) -> None:
        remedy = "Give the base URL of an OpenAI-compatible server, for example http://127.0.0.1:8000/v1."
        super().__init__(url, why, remedy, status)


class MalformedOutput(CoreModelError):
    """A server's answers did not fit the grammar within the allowed tries; `answers` holds them all."""

    def __init__(self, url: str, answers: tuple[str, ...], why: str) -> None:
        self.url, self.answers, self.why = url, answers, why
        last = answers[-1][:200] if answers else ""
        super().__init__(
            f"{len(answers)} answers of {url!r} did not fit the grammar ({why}); the last was {last!r}. "
            "Use a larger model, a server with guided decoding, or load_model() for the embedded one."
        )


class NotSupported(CoreModelError):
    """The model cannot do what was asked; its `capabilities` say so in advance."""

    def __init__(self, model: str, what: str, remedy: str) -> None:
        self.model, self.what = model, what
        super().__init__(f"The model {model!r} cannot {what}. {remedy}")


class HubUnavailable(CoreModelError):
    """A model hub name that could not be fetched."""

    def __init__(self, name: str, why: str) -> None:
        self.name, self.why = name, why
        super().__init__(
            f"The hub model {name!r} could not be fetched: {why.rstrip(' .')}. Connect to the network once, "
            "or give a folder that holds the checkpoint."
        )
