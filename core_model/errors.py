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


class ImagesRefused(RemoteError):
    """A model server refuses a request that shows pictures."""

    def __init__(self, url: str, why: str, status: int) -> None:
        remedy = "If its model does not see, name one that does ('#name' behind the URL), or send text alone."
        super().__init__(url, f"it refused a request with pictures ({why})", remedy, status)


class HubUnavailable(CoreModelError):
    """A model hub name that could not be fetched."""

    def __init__(self, name: str, why: str) -> None:
        self.name, self.why = name, why
        super().__init__(
            f"The hub model {name!r} could not be fetched: {why.rstrip(' .')}. Connect to the network once, "
            "or give a folder that holds the checkpoint."
        )


class CacheFull(CoreModelError):
    """There is not enough memory for the keys and values of a request; the engine goes on serving others."""

    def __init__(self, tokens: int, needed: int) -> None:
        self.tokens, self.needed = tokens, needed
        super().__init__(
            f"The key-value cache holds {tokens} tokens and has no room"
            + (f" for {needed} more" if needed else "")
            + ". Close sequences that are no longer needed, shorten the prompt, or give the engine more "
            "memory (kv_bytes)."
        )


class OutOfMemory(CoreModelError):
    """A step needed more memory than there is; only this request failed, others go on."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        super().__init__(
            f"There is not enough memory to compute a request of {tokens} tokens. Send a shorter one, or "
            "give the engine smaller steps (step_tokens), a smaller batch (max_batch) or cache (kv_bytes)."
        )


class NumericalError(CoreModelError):
    """The model computed something that is not a number; nothing of that step was used.

    `layer` is the first layer (from 0) whose output was not finite, None where only the scores were seen.
    """

    def __init__(self, layer: int | None) -> None:
        self.layer = layer
        where = "its scores" if layer is None else f"the output of layer {layer}"
        super().__init__(
            f"The model's numbers are not finite in {where}: the weights are damaged, or too large for this "
            "dtype. Check the checkpoint, or load it with dtype='float32'."
        )


class NativeUnavailable(CoreModelError):
    """The native decoder cannot be built or loaded on this machine."""

    def __init__(self, why: str, remedy: str) -> None:
        self.why, self.remedy = why, remedy
        super().__init__(f"The native decoder is not available: {why.rstrip(' .')}. {remedy}")


class InvalidSampling(CoreModelError, ValueError):
    """A setting of `Sampling` that means nothing."""

    def __init__(self, setting: str, value: object, must: str) -> None:
        self.setting, self.value = setting, value
        super().__init__(f"{setting} is {value!r}; it must be {must}.")


class NothingAllowed(CoreModelError):
    """A grammar leaves no token to choose, although its text is not over; only this request ends."""

    def __init__(self) -> None:
        super().__init__(
            "The grammar allows no token of this model here: its texts need bytes that the vocabulary does "
            "not have. Widen the grammar, or use a tokenizer that has a token for every byte."
        )


class NoRoomToClose(CoreModelError):
    """The token limit is smaller than the grammar's way out; nothing was generated."""

    def __init__(self, limit: int, needed: int) -> None:
        self.limit, self.needed = limit, needed
        super().__init__(
            f"The limit is {limit} tokens, but the grammar's way out needs {needed}. Raise max_tokens, or "
            "shorten the prompt where the context is full."
        )


class GpuUnavailable(CoreModelError):
    """The GPU path cannot be used here; nothing was loaded onto a device."""

    def __init__(self, why: str, remedy: str) -> None:
        self.why = why
        super().__init__(f"The GPU cannot be used: {why.rstrip(' .')}. {remedy}")


class AdapterRefused(CoreModelError):
    """A LoRA adapter that cannot be used with this model; nothing was changed."""

    def __init__(
        self, source: object, why: str, remedy: str = "Save it with peft as plain LoRA for this model."
    ) -> None:
        self.source, self.why = str(source), why
        super().__init__(f"The adapter {str(source)!r} cannot be used: {why}. {remedy}")


class VocabularyMismatch(CoreModelError):
    """A tokenizer that has ids for which the model has no embedding."""

    def __init__(self, source: object, tokens: int, rows: int) -> None:
        self.source, self.tokens, self.rows = source, tokens, rows
        super().__init__(
            f"The tokenizer of {str(source)!r} has {tokens} ids, the embedding of the model {rows} rows. "
            "Take the tokenizer that the model was trained with, or enlarge the embedding and train it."
        )
