"""An encoder of core_model as the embedder of a memory."""

import numpy as np
import pytest

from punchlist.agents.encoder_embedder import EncoderEmbedder
from punchlist.core_model import SentenceEncoder
from punchlist.memory import MiniLM, TextTooLong, pieces_of
from punchlist.memory.minilm_files import package_folder


@pytest.fixture(scope="module")
def encoder():
    return SentenceEncoder.load(package_folder())


def test_it_embeds_as_the_same_model_on_sentence_transformers_does(encoder):
    texts = ["Two green mugs", "", "🙂 שלום\0", "\ud800", "x" * 400]

    own = EncoderEmbedder(encoder, "own")

    assert np.abs(own.embed(texts) - MiniLM().embed(texts)).max() < 1e-4
    assert own.dimension == 384 and own.embed([]).shape == (0, 384)


@pytest.mark.parametrize("text", ["The cart holds two green mugs. " * 90, "x" * 9_000, "你好" * 400])
def test_a_long_text_is_cut_and_never_read_in_part(encoder, text):
    own = EncoderEmbedder(encoder, "own")

    with pytest.raises(TextTooLong):
        own.embed([text])

    pieces = pieces_of(own, text)
    assert "".join(pieces) == text and len(own.embed(pieces)) == len(pieces) > 1


def test_an_encoder_whose_vectors_have_any_length_is_refused(encoder):
    plain = SentenceEncoder(encoder.model, encoder_tokenizer(), 256, normalise=False)

    with pytest.raises(ValueError, match="length 1"):
        EncoderEmbedder(plain, "own")


def encoder_tokenizer():
    from punchlist.core_model.tokenizer import Tokenizer

    return Tokenizer.load(package_folder())
