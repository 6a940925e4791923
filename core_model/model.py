"""Models by name: the embedded one, a checkpoint folder, a hub name, or a server's URL."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import torch

from .capabilities import Capabilities
from .chat_template import ChatTemplate, Message
from .checkpoint import Progress, check_vocabulary, load_checkpoint
from .config import read_settings, token_ids
from .detokenizer import GrowingDeltas, cut_place
from .engine import Engine
from .errors import HubUnavailable, MissingWeights, NotSupported, UnknownCheckpoint
from .generation import Delta, Generation, Model, ModelUsage
from .grammar import Grammar
from .jobs import Output
from .pricing import FREE, Price
from .sampling import Sampling
from .settings import EngineSettings
from .thread import LocalThread, SpeechEncoder
from .tokenizer import Tokenizer
from .transformer import Transformer

EMBEDDED = Path(__file__).parent / "weights"
EMBEDDED_WEB = Path(__file__).parent / "weights_web"

SHIPPED = {"embedded": EMBEDDED, "embedded-web": EMBEDDED_WEB}
"""The weights that come with this package, by the names that `load_model` takes: for jobs, and for pages."""
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_HUB_FILES = ("config.json", "generation_config.json", "*.safetensors", "*.safetensors.index.json")
_HUB_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
_HUB_ENCODER = ("modules.json", "sentence_bert_config.json", "*/config.json")
_GREEDY = Sampling()


class LocalModel:
    """A checkpoint in this process, behind the face that all models have."""

    def __init__(
        self,
        name: str,
        model: Transformer,
        tokenizer: Tokenizer,
        *,
        eos_ids: Sequence[int] = (),
        seed: int = 0,
        folder: Path | None = None,
        release: bool = False,
        price: Price = FREE,
        **engine: Unpack[EngineSettings],
    ):
        """Wrap a loaded model.

        Args:
            seed: Mixed into the seed of every request.
            folder: Where it was loaded from.
            release: The engine may free the module's weights once it has packed its own.
            price: What its tokens cost whoever computes them.
            engine: Settings of the `Engine`.
        """
        self.name, self.folder, self.price = name, folder, price
        self.tokenizer = tokenizer
        self.engine = Engine(model, tokenizer, eos_ids=eos_ids, release=release, **engine)
        self.context_length = model.config.context_length
        self.capabilities = Capabilities(
            grammar=True, logprobs=True, score=True, fork=True, seed=True, token_counts=True
        )
        self.speech = SpeechEncoder(tokenizer)
        self._template = ChatTemplate(tokenizer)
        self._seed = seed
        self._requests = 0

    @property
    def usage(self) -> ModelUsage:
        """Tokens and engine seconds so far."""
        counted = self.engine.usage
        return ModelUsage(
            self._requests,
            counted.prompt_tokens,
            counted.output_tokens,
            counted.forward_seconds,
            counted.reused_tokens,
        )

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """The prompt that `generate` would compute.

        Raises:
            NotSupported: A message shows pictures.
        """
        if any(message.get("images") for message in messages):
            raise NotSupported(self.name, "see pictures", "Use a server's model that does.")
        return self._template.encode(messages)

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling = _GREEDY, grammar: Grammar | None = None
    ) -> Generation:
        """Answer `messages`.

        Raises:
            PromptTooLong: they do not fit the context.
            InvalidGrammar: `grammar` cannot be compiled, or becomes too complex on the way.
        """
        job = self.engine.start(self.encode(messages), self.begin(sampling), grammar)
        try:
            output = await asyncio.wrap_future(job.future)
        except asyncio.CancelledError:
            job.cancel()
            raise
        return self.generation(output, self._cut(output, sampling))

    async def stream(
        self, messages: Sequence[Message], *, sampling: Sampling = _GREEDY, grammar: Grammar | None = None
    ) -> AsyncGenerator[Delta | Generation, None]:
        """`generate`, piece by piece; the last item is the whole `Generation`. Leaving the loop cancels."""
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[tuple[list[int], list[float | None]] | None] = asyncio.Queue()

        def post(item: tuple[list[int], list[float | None]] | None) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(arrived.put_nowait, item)

        job = self.engine.start(
            self.encode(messages),
            self.begin(sampling),
            grammar,
            lambda ids, logprobs: post((ids, logprobs)),
        )
        job.future.add_done_callback(lambda _: post(None))
        text = GrowingDeltas(self.tokenizer, sampling.stop)
        try:
            while (item := await arrived.get()) is not None:
                delta = text.add(*item)
                if delta is not None:
                    yield delta
            output = job.future.result()
            generation = self.generation(output, self._cut(output, sampling))
            if (rest := text.finish()) is not None:
                yield rest
            yield generation
        finally:
            job.cancel()

    async def score(self, messages: Sequence[Message], continuations: Sequence[str]) -> list[float]:
        """Log-probability (nats) of each continuation as the answer's beginning, in one batched pass.

        `generation.normalise` turns them into probabilities among each other. A continuation that begins
        another is never less likely than it: end both alike where that matters.
        """
        self.begin(_GREEDY)
        job = self.engine.start_score(self.encode(messages), self.tokenizer.encode_batch(continuations))
        try:
            return await asyncio.wrap_future(job.future)
        except asyncio.CancelledError:
            job.cancel()
            raise

    async def open(self, messages: Sequence[Message], *, resends: bool = False) -> LocalThread:
        """Begin the assistant's turn after `messages`; they are computed with the first request.

        Args:
            resends: See `LocalThread`: without the gain of forks, to measure it.

        Raises:
            PromptTooLong: they do not fit the context.
        """
        tokens = self.encode(messages)
        return LocalThread(self, self.engine.open(tokens, read=False), len(tokens), resends=resends)

    def count_tokens(self, text: str) -> int:
        """Exact number of tokens of `text`."""
        return len(self.tokenizer.encode(text))

    async def aclose(self) -> None:
        """End the engine; requests under way fail with EngineClosed."""
        await asyncio.to_thread(self.engine.close)

    def begin(self, sampling: Sampling) -> Sampling:
        """Count a request; returns `sampling` with the model's seed mixed in."""
        self._requests += 1
        return replace(sampling, seed=sampling.seed + self._seed * 1_000_003)

    def generation(self, output: Output, text: str) -> Generation:
        """What the engine gave, with the `text` that is left of it."""
        return Generation(
            text=text,
            token_ids=output.token_ids,
            logprobs=output.logprobs,
            stop_reason=output.stop_reason,
            prompt_tokens=output.prompt_tokens,
            seconds=output.seconds,
            reused_tokens=output.reused_tokens,
        )

    def _cut(self, output: Output, sampling: Sampling) -> str:
        text = self.tokenizer.decode(output.token_ids)
        return text[: cut_place(text, sampling.stop)]


def load_model(
    source: str | Path | None = None,
    *,
    device: str | None = None,
    dtype: str | torch.dtype | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    price: Price | None = None,
    **engine: Unpack[EngineSettings],
) -> Model:
    """Open a model.

    Args:
        source: None or "embedded" for the embedded model; "embedded-web" for the one that goes towards goals
            on pages; a checkpoint folder; a hub name ("owner/name", fetched once); or the URL of an
            OpenAI-compatible server, with "#name" behind it where it serves several models.
        device: For a local model: "cpu", "cuda", "mps"; None takes cuda where there is one, for the embedded
            model always cpu.
        dtype: For a local model; None computes in float32 on a cpu, and in bfloat16 elsewhere or where
            `weights` are smaller.
        seed: Mixed into the seed of every request.
        progress: Called with (bytes read, bytes in all) while a local model is read.
        price: What its tokens cost; None: nothing for a model in this process, unknown for a server's.
        engine: Settings of the local model's `Engine`, for example `weights="int8"`.

    Raises:
        MissingWeights, CorruptWeights, UnknownCheckpoint: the folder does not hold a usable checkpoint, or
            the URL is none.
        HubUnavailable: the hub name could not be fetched.
    """
    source = "embedded" if source is None else source
    shipped = str(source)
    if shipped in SHIPPED:
        folder = SHIPPED[shipped]
        if not (folder / "config.json").is_file():
            remedy = "Reinstall punchlist, or name a checkpoint folder, a hub model or a server URL."
            raise MissingWeights(folder, f"the model {shipped!r} is not installed", remedy)
        return open_folder(folder, shipped, device or "cpu", dtype, seed, price=price, **engine)
    if re.match(r"https?:", str(source)):
        from .remote import RemoteModel

        return RemoteModel(str(source), seed=seed, price=price)
    folder = resolve(source)
    name = str(source) if folder != Path(source).expanduser() else folder.resolve().name
    return open_folder(folder, name, device, dtype, seed, progress, price, **engine)


def resolve(source: str | Path) -> Path:
    """The folder of a checkpoint: of weights that came along, the one named, or of a hub name, fetched once.

    Raises:
        UnknownCheckpoint: it is neither.
        HubUnavailable: the hub name could not be fetched.
    """
    if str(source) in SHIPPED:
        return SHIPPED[str(source)]
    try:
        folder = Path(source).expanduser()
    except RuntimeError as error:
        raise UnknownCheckpoint(
            source, "there is no such user", "Write the folder's path in full."
        ) from error
    if folder.is_dir():
        return folder
    if isinstance(source, str) and _HUB_NAME.fullmatch(source):
        return _fetch(source)
    raise UnknownCheckpoint(source, "there is no such folder", "Give a folder, 'owner/name' or a server URL.")


def open_folder(
    folder: Path,
    name: str,
    device: str | None,
    dtype: str | torch.dtype | None,
    seed: int,
    progress: Progress | None = None,
    price: Price | None = None,
    **engine: Unpack[EngineSettings],
) -> LocalModel:
    """Open a checkpoint folder as a `LocalModel`; see `load_model`."""
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if isinstance(dtype, str):
        named = getattr(torch, dtype, None)
        if not isinstance(named, torch.dtype):
            raise ValueError(f"dtype is {dtype!r}; choose float32, bfloat16 or float16.")
        dtype = named
    if dtype is None:
        whole = device == "cpu" and engine.get("weights") in (None, "float32")
        dtype = torch.float32 if whole else torch.bfloat16
    model = load_checkpoint(folder, dtype=dtype, device=device, progress=progress)
    tokenizer = Tokenizer.load(folder)
    check_vocabulary(model.config, tokenizer, folder)
    ends = _end_tokens(folder, model, tokenizer)
    return LocalModel(
        name,
        model,
        tokenizer,
        eos_ids=ends,
        seed=seed,
        folder=folder,
        release=True,
        price=price or FREE,
        **engine,
    )


def _end_tokens(folder: Path, model: Transformer, tokenizer: Tokenizer) -> list[int]:
    ids = set(model.config.eos_token_ids)
    if tokenizer.eos_id is not None:
        ids.add(tokenizer.eos_id)
    path = folder / "generation_config.json"
    if path.is_file():
        try:
            ids.update(token_ids(read_settings(path).get("eos_token_id")))
        except TypeError as error:
            remedy = "Correct it, or fetch or copy the checkpoint again."
            raise UnknownCheckpoint(path, str(error), remedy) from error
    return sorted(ids)


def _fetch(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download  # pyright: ignore[reportUnknownVariableType]
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    except ImportError as error:
        raise HubUnavailable(name, "the package huggingface_hub is not installed") from error
    try:
        return Path(snapshot_download(name, allow_patterns=[*_HUB_FILES, *_HUB_TOKENIZER, *_HUB_ENCODER]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise HubUnavailable(name, f"{type(error).__name__}: {str(error).splitlines()[0]}") from error
