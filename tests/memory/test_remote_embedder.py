"""An embedder behind a server: our own, and one that does what servers do when they are ill."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from punchlist.core_model import SentenceEncoder
from punchlist.core_model.serving.app import App, ServerSettings
from punchlist.core_model.serving.embeddings import ServedEncoder
from punchlist.core_model.serving.running import ModelServer, listen
from punchlist.memory import EmbedderServerFailed, RemoteEmbedder, UnknownEmbedder, WrongVectors
from punchlist.memory.minilm_files import package_folder

TEXTS = [f"text number {number}" for number in range(70)]


@pytest.fixture(scope="module")
def ours():
    """`punchlist serve` with MiniLM, and a key."""
    served = ServedEncoder("minilm", SentenceEncoder.load(package_folder()))
    ready = threading.Event()
    app = App(served, ServerSettings(api_key="s3cret"))
    server = ModelServer(app, listen("127.0.0.1", 0), on_ready=ready.set)
    thread = threading.Thread(target=server.run)
    thread.start()
    assert ready.wait(10)
    yield f"{server.url}/v1"
    server.stop()
    thread.join(20)


class Ill(ThreadingHTTPServer):
    """Answers each request by the next of `plan`, then well; keeps what it was asked."""

    def __init__(self, *plan):
        self.plan, self.asked = list(plan), []
        super().__init__(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"


class Answering(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, {"data": [{"id": "first"}, {"id": "second"}]})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((asked, self.headers.get("Authorization")))
        well = [{"index": place, "embedding": [3.0, 4.0]} for place in range(len(asked["input"]))]
        step = self.server.plan.pop(0) if self.server.plan else None
        if step == "hang up":
            self.close_connection = True
        elif isinstance(step, int):
            self.answer(step, {"error": {"message": "not now"}}, {"Retry-After": "0"})
        else:
            self.answer(200, step(well) if step else {"data": well[::-1]})  # in any order: `index` counts

    def answer(self, status, body, headers=None):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(text))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.fixture
def ill():
    made = []

    def start(*plan):
        server = Ill(*plan)
        made.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        return server

    yield start
    for server in made:
        server.shutdown()
        server.server_close()


def opened(server, model="#m", **more):
    return RemoteEmbedder(server.url + model, first_wait=0.0, **more)


def test_our_own_server_gives_the_vectors_of_the_model(ours, embedder, monkeypatch):
    monkeypatch.setenv("PUNCHLIST_EMBEDDINGS_KEY", "s3cret")
    remote = RemoteEmbedder(ours)

    vectors = remote.embed([*TEXTS, "🙂 שלום\0"])

    assert np.abs(vectors - embedder.embed([*TEXTS, "🙂 שלום\0"])).max() < 1e-4
    assert remote.name == f"{ours}#minilm@384" and remote.dimension == 384
    assert remote.embed([""]).shape == (1, 384)


def test_a_long_text_goes_to_our_server_in_pieces_that_it_reads_whole(ours, embedder, monkeypatch):
    """The server leaves out what is too long for its model, so equal vectors mean that nothing was."""
    monkeypatch.setenv("PUNCHLIST_EMBEDDINGS_KEY", "s3cret")
    remote = RemoteEmbedder(ours)
    pieces = remote.pieces("The cart holds 2 green mugs, at 3.50 each, for Ada-Lovelace@example.com! " * 60)

    assert len(pieces) > 1
    assert np.abs(remote.embed(pieces) - embedder.embed(pieces)).max() < 1e-4


def test_a_wrong_key_is_told(ours, monkeypatch):
    monkeypatch.setenv("MY_KEY", "k3y-of-ada")

    with pytest.raises(EmbedderServerFailed, match="HTTP 401") as told:
        RemoteEmbedder(f"{ours}#minilm", key_variable="MY_KEY").embed(["text"])

    assert "k3y-of-ada" not in str(told.value)


def test_the_key_is_sent_only_if_there_is_one(ill, monkeypatch):
    server = ill()
    monkeypatch.delenv("PUNCHLIST_EMBEDDINGS_KEY", raising=False)
    opened(server).embed(["text"])
    monkeypatch.setenv("PUNCHLIST_EMBEDDINGS_KEY", "k")
    opened(server).embed(["text"])
    opened(server, key_variable=None).embed(["text"])

    assert [key for _, key in server.asked] == [None, "Bearer k", None]


def test_a_key_that_no_header_can_hold_is_told_without_showing_it(ill, monkeypatch):
    monkeypatch.setenv("PUNCHLIST_EMBEDDINGS_KEY", "abc\ndef")

    with pytest.raises(EmbedderServerFailed, match="printable ASCII") as told:
        opened(ill()).embed(["text"])

    assert "def" not in str(told.value).replace("default", "")


def test_texts_go_in_batches_and_come_back_in_order_and_of_length_one(ill):
    server = ill()

    vectors = opened(server).embed(TEXTS)

    assert [len(asked["input"]) for asked, _ in server.asked] == [32, 32, 6]
    assert np.allclose(vectors, [[0.6, 0.8]] * 70)


def test_nothing_is_sent_for_no_texts_or_where_the_url_says_all(ill):
    server = ill()
    remote = opened(server, "#m@2")

    assert remote.name == f"{server.url}#m@2" and len(remote.embed([])) == 0
    assert server.asked == []


def test_without_a_model_in_the_url_the_first_of_the_server_is_taken(ill):
    server = ill()

    assert opened(server, "").name == f"{server.url}#first@2"
    assert server.asked[0][0]["model"] == "first"


@pytest.mark.parametrize("passing", [429, 500, 503, "hang up"])
def test_a_passing_failure_is_tried_again(ill, passing):
    server = ill(passing, passing)

    assert len(opened(server).embed(["text"])) == 1
    assert len(server.asked) == 3


@pytest.mark.parametrize("lasting", [503, "hang up"])
def test_tries_are_bounded(ill, lasting):
    server = ill(*[lasting] * 9)

    with pytest.raises(EmbedderServerFailed):
        opened(server, tries=3).embed(["text"])

    assert len(server.asked) == 3


@pytest.mark.parametrize("final", [400, 401, 404, 302])
def test_a_refusal_is_not_tried_again(ill, final):
    server = ill(final)

    with pytest.raises(EmbedderServerFailed, match=f"HTTP {final}.*not now") as told:
        opened(server).embed(["text"])

    assert told.value.status == final and len(server.asked) == 1


def test_a_server_that_goes_away_between_two_batches_is_told(ill):
    server = ill(None, *["hang up"] * 4)

    with pytest.raises(EmbedderServerFailed):
        opened(server).embed(TEXTS)


def test_a_server_that_is_not_there_is_told():
    with pytest.raises(EmbedderServerFailed, match=r"127\.0\.0\.1:9"):
        RemoteEmbedder("http://127.0.0.1:9/v1#m", first_wait=0.0).embed(["text"])


def test_a_server_that_is_silent_is_given_up():
    with listen("127.0.0.1", 0) as silent:
        port = silent.getsockname()[1]

        with pytest.raises(EmbedderServerFailed):
            RemoteEmbedder(f"http://127.0.0.1:{port}/v1#m", timeout=0.05, tries=2, first_wait=0.0).embed(
                ["x"]
            )


NONSENSE = {
    "no JSON": (lambda well: b"<html>", EmbedderServerFailed, "not JSON"),
    "no data": (lambda well: {}, EmbedderServerFailed, "one vector for each"),
    "a list": (lambda well: [], EmbedderServerFailed, "one vector for each"),
    "too few": (lambda well: {"data": well[1:]}, EmbedderServerFailed, "one vector for each"),
    "one twice": (lambda well: {"data": [well[0], well[0]]}, EmbedderServerFailed, "one vector for each"),
    "too many": (lambda well: {"data": [*well, {"index": 9, "embedding": [1.0, 1.0]}]}, WrongVectors, "more"),
    "NaN": (
        lambda well: {"data": [well[0], {"index": 1, "embedding": [float("nan"), 1]}]},
        WrongVectors,
        "NaN",
    ),
    "of two lengths": (
        lambda well: {"data": [well[0], {"index": 1, "embedding": [1]}]},
        WrongVectors,
        "length",
    ),
    "base64": (lambda well: {"data": [well[0], {"index": 1, "embedding": "AAAA"}]}, WrongVectors, "length"),
}


@pytest.mark.parametrize(("answer", "error", "why"), NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_refused(ill, answer, error, why):
    with pytest.raises(error, match=why):
        opened(ill(answer)).embed(["one", "two"])


def test_another_dimension_than_before_is_refused(ill):
    def three(well):
        return {"data": [{"index": 0, "embedding": [1.0, 2.0, 3.0]}]}

    remote = opened(ill(None, three))
    remote.embed(["text"])

    with pytest.raises(WrongVectors, match="3 dimensions, not 2"):
        remote.embed(["text"])


@pytest.mark.parametrize(
    "url", ["ftp://host/v1", "http://", "http:///v1", "http://h:99999/v1", "http://h/v1?key=k"]
)
def test_what_is_no_address_of_a_server_is_refused(url):
    with pytest.raises(UnknownEmbedder):
        RemoteEmbedder(url)


def test_a_password_in_the_url_is_refused_since_it_would_be_stored():
    with pytest.raises(UnknownEmbedder, match="PUNCHLIST_EMBEDDINGS_KEY") as told:
        RemoteEmbedder("http://ada:s3cret@host/v1#m")

    assert "s3cret" not in str(told.value)


def test_an_address_without_a_path_means_v1():
    assert RemoteEmbedder("http://Host:80#m@3").name == "http://host:80/v1#m@3"
