"""`punchlist bench engine-gpu`: the engine's GPU path at the shape of Llama-3.1-8B, with random weights.

    copy_gbps                            bytes read and written per second by a copy in device memory, / 1e9
    decode_tokens_per_second             one sequence, a token at a time, at 128 tokens of context
    roofline_bs1                         the bytes that such a step must read, at that rate, over `copy_gbps`
    batch_tokens_per_second              32 sequences of 4,096 tokens of context, decoding together
    batch_transformers_tokens_per_second the same by `transformers`' continuous batching, prefill taken off
    cb32_vs_hf                           the former over the latter
    ttft8k_seconds                       from a prompt of 8,192 tokens to the logits after it
    tot_fork_vs_resend                   a tree of thought as in `bench engine`, by the whole engine: time of
                                         sending every prompt again, without prefix cache, over forking
    attention_speedup_<n>k               causal attention of n thousand tokens over the form that holds scores

Times are minima over repeats, of whole steps as the engine takes them: metadata uploaded, the highest logit
read back. `--quick` leaves out `transformers` and contexts over 8 thousand tokens. `--model` has no meaning
here. What cannot be measured is null, and the settings say why; without a CUDA device nothing can be, which
is an error.

What it does not cover: sampling and grammars. All figures but that of the tree are the decoder's alone.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from .engine.ours import Ours
from .engine.work import Work
from .harness import Figures, Measuring
from .ledger import EvalError

if TYPE_CHECKING:
    from torch import Tensor

    from ...core_model.config import ModelConfig
    from ...core_model.engine import Engine
    from ...core_model.gpu.decoder import CudaDecoder
    from ...core_model.settings import Backend, EngineSettings
    from ...core_model.transformer import Transformer

SEQUENCES, CONTEXT, PROMPT, SHORT = 32, 4096, 8192, 128
THOUSANDS, QUICK_THOUSANDS = (1, 2, 4, 8, 16, 32), (1, 2, 4, 8)


class NoGpu(EvalError):
    """There is no CUDA device to measure."""

    def __init__(self, why: str) -> None:
        super().__init__(f"This measures a GPU: {why}")


def measure(measuring: Measuring) -> Figures:
    """The figures of `bench engine-gpu`."""
    from ...core_model.errors import GpuUnavailable
    from ...core_model.gpu.decoder import require_gpu

    try:
        device = require_gpu()
    except GpuUnavailable as error:
        raise NoGpu(str(error)) from error
    import torch

    quick = measuring.options.quick
    measuring.settings |= {"device": torch.cuda.get_device_name(device), "torch": torch.__version__}
    steps, rate = 16 if quick else 64, copy_rate()
    figures: Figures = {"copy_gbps": rate / 1e9}
    for thousand in QUICK_THOUSANDS if quick else THOUSANDS:
        figures[f"attention_speedup_{thousand}k"] = attention_speedup(thousand * 1024)
        measuring.say(f"attention at {thousand}k done")
    figures |= engine_figures(steps, rate)
    _free()
    measuring.say("the decoder is done")
    work = Work("tot", "tree", 1000, 20 if quick else 60, breadth=5, depth=2 if quick else 3)
    figures["tot_fork_vs_resend"] = tree_gain(random_model(shape()), work)
    _free()
    theirs, why = None, "left out by --quick"
    if not quick:
        try:
            theirs = transformers_rate(steps)
        except ImportError as error:
            why = f"transformers is not installed: {error}"
    ours = cast("float", figures["batch_tokens_per_second"])
    gain = None if theirs is None else ours / theirs
    beside: Figures = {"batch_transformers_tokens_per_second": theirs, "cb32_vs_hf": gain}
    if theirs is None:
        measuring.skipped |= dict.fromkeys(beside, why)
    return figures | beside


def _free() -> None:
    import torch

    gc.collect()
    torch.cuda.empty_cache()


def seconds(run: Callable[[], object], repeats: int = 5) -> float:
    """The least time of `repeats` runs after one that warms up, waiting for the device."""
    import torch

    run()
    least = float("inf")
    for _ in range(repeats):
        torch.cuda.synchronize()
        began = time.perf_counter()
        run()
        torch.cuda.synchronize()
        least = min(least, time.perf_counter() - began)
    return least


def copy_rate(size: int = 1 << 31) -> float:
    """Bytes per second, read and written, of copying `size` bytes in device memory."""
    import torch

    source = torch.empty(size, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return 2 * size / seconds(lambda: target.copy_(source), 20)


def shape() -> ModelConfig:
    """Llama-3.1-8B (Grattafiori et al. 2024, arXiv:2407.21783)."""
    from ...core_model.config import ModelConfig, RopeScaling

    return ModelConfig(
        vocab_size=128_256,
        hidden_size=4096,
        num_layers=32,
        num_heads=32,
        num_kv_heads=8,
        head_dim=128,
        intermediate_size=14_336,
        context_length=131_072,
        rope_theta=500_000.0,
        rope_scaling=RopeScaling("llama3", 8.0),
        tie_embeddings=False,
    )


def engine_figures(steps: int, rate: float) -> Figures:
    """Decode alone and in a batch, and the first token; `rate` is `copy_rate()`."""
    decoder, keys, values = random_decoder()
    step_bytes = decoder.weight_bytes + SHORT * keys[:, 0].nbytes * 2 / keys.shape[-1]
    alone = decode_rate(decoder, keys, values, 1, SHORT, steps)
    together = decode_rate(decoder, keys, values, SEQUENCES, CONTEXT, steps)
    prompt = batch_of(1, PROMPT, range(PROMPT))
    first = seconds(lambda: decoder.forward(prompt, keys, values).argmax().item(), 3)
    return {
        "decode_tokens_per_second": alone,
        "roofline_bs1": alone * step_bytes / rate,
        "batch_tokens_per_second": together,
        "ttft8k_seconds": first,
    }


def random_decoder() -> tuple[CudaDecoder, Tensor, Tensor]:
    """A decoder of random weights in bfloat16, and pages for `SEQUENCES` contexts, random too."""
    import torch

    from ...core_model.batch import PAGE
    from ...core_model.gpu.decoder import CudaDecoder

    config = shape()
    model = random_model(config)
    pages = SEQUENCES * table_width() + 1
    start = config.num_layers, pages, config.num_kv_heads
    keys = torch.empty(*start, config.head_dim, PAGE, dtype=torch.bfloat16, device="cuda").normal_()
    values = torch.empty(*start, PAGE, config.head_dim, dtype=torch.bfloat16, device="cuda").normal_()
    return CudaDecoder(model, max_batch=SEQUENCES, max_pages=PROMPT // PAGE, release=True), keys, values


def random_model(config: ModelConfig, device: str = "cuda") -> Transformer:
    """A model of random weights in bfloat16."""
    import torch

    from ...core_model.transformer import Transformer

    with torch.device("meta"):
        model = Transformer(config)
    model = model.to(torch.bfloat16).to_empty(device=device).requires_grad_(False)
    for weight in model.parameters():
        weight.normal_(0.0, weight.shape[-1] ** -0.5) if weight.dim() > 1 else weight.fill_(1.0)
    model.place_rotary_tables(device)
    return model


def table_width() -> int:
    """Pages of a sequence in the batch: its context and a thousand tokens more."""
    return (CONTEXT + 1024) // 16


def batch_of(rows: int, length: int, positions: range) -> Any:
    """A `Batch` of `rows` sequences with tokens at `positions`; the last of each is wanted."""
    import numpy as np

    from ...core_model.batch import PAGE, Batch

    width = max(table_width(), -(-length // PAGE))
    each = len(positions)
    return Batch(
        tokens=np.arange(rows * each, dtype=np.int32) % 1000,
        positions=np.tile(np.array(positions, np.int32), rows),
        rows=np.repeat(np.arange(rows, dtype=np.int32), each),
        tables=np.arange(1, rows * width + 1, dtype=np.int32).reshape(rows, width),
        wanted=np.arange(each - 1, rows * each, each, dtype=np.int32),
    )


def decode_rate(
    decoder: CudaDecoder, keys: Tensor, values: Tensor, rows: int, context: int, steps: int
) -> float:
    """Tokens per second of `rows` sequences, each step's tokens read back before the next."""

    def run() -> None:
        for at in range(context, context + steps):
            decoder.forward(batch_of(rows, at + 1, range(at, at + 1)), keys, values).argmax(-1).cpu()

    return rows * steps / seconds(run)


class OnGpu(Ours):
    """The party of `bench engine` on a model that is at hand."""

    def __init__(self, model: Transformer, backend: Backend) -> None:
        super().__init__()
        self._model = model
        self._asked: EngineSettings = {"backend": backend, "speculate": False}
        self._engine = self._open()

    def _open(self, *, prefix_cache: bool = True, fast_forward: bool = True) -> Engine:
        from ...core_model.engine import Engine
        from ...core_model.tokenizer import Tokenizer

        asked = self._asked | {"prefix_cache": prefix_cache, "fast_forward": fast_forward}
        return Engine(self._model, Tokenizer.train(["the stand-in of a tokenizer"], 300), **asked)


def tree_gain(model: Transformer, work: Work, repeats: int = 3, backend: Backend = "gpu") -> float:
    """How many times longer a tree takes by sending every prompt again; the first runs are to warm up."""
    party = OnGpu(model, backend)
    works = replace(work, kind="resend"), replace(work, kind="tree")
    resent, forked = (min(party.run(each, "only", turn) for turn in range(repeats + 1)) for each in works)
    party.forget()
    party.engine.close()
    return resent / forked


def transformers_rate(steps: int) -> float:
    """The same batch by `LlamaForCausalLM.generate_batch`: what `steps` further tokens take."""
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    settings = LlamaConfig(**shape().to_hf())
    with torch.device("cuda"):
        model = cast("Any", LlamaForCausalLM(settings)).to(torch.bfloat16).eval()
    prompts = [[(row + at) % 1000 for at in range(CONTEXT)] for row in range(SEQUENCES)]

    def run(count: int) -> float:
        how = GenerationConfig(max_new_tokens=count, do_sample=False, eos_token_id=-1)
        return seconds(lambda: model.generate_batch(prompts, generation_config=how), 2)

    return SEQUENCES * steps / (run(steps + 1) - run(1))


def attention_speedup(tokens: int) -> float:
    """Time of the form that holds scores over that of the engine's, one layer of `shape()`."""
    import torch

    from ...core_model.gpu.chunks import ChunkAttention

    config = shape()
    heads, kv_heads, size = config.num_heads, config.num_kv_heads, config.head_dim
    qkv = torch.randn(tokens, heads + 2 * kv_heads, size, dtype=torch.bfloat16, device="cuda")
    batch = batch_of(1, tokens, range(tokens))
    places = [torch.as_tensor(part, device="cuda") for part in (batch.tables, batch.rows, batch.positions)]
    attend = ChunkAttention(batch, *places, splits=1)
    unused = qkv.new_empty(1, kv_heads, size, 16)  # a fresh prompt reads no pages
    ours = seconds(lambda: attend(qkv, heads, unused, unused, None))
    return seconds(lambda: materialised(qkv, heads, kv_heads), 3) / ours


def materialised(qkv: Tensor, heads: int, kv_heads: int) -> Tensor:
    """Causal attention that holds all scores of one key head's group at a time; (heads, N, head_dim)."""
    import torch

    each = qkv.transpose(0, 1)
    q, k, v = each[:heads], each[heads : heads + kv_heads], each[heads + kv_heads :]
    hidden = torch.ones(q.shape[1], q.shape[1], dtype=torch.bool, device=q.device).triu_(1)
    out = torch.empty_like(q)
    group = heads // kv_heads
    for head in range(kv_heads):
        mine = slice(head * group, (head + 1) * group)
        scores = (q[mine] @ k[head].t()).mul_(q.shape[-1] ** -0.5).masked_fill_(hidden, float("-inf"))
        out[mine] = scores.softmax(-1) @ v[head]
    return out
