"""One suite for every transport: what it is made of does not change what is observed."""

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from punchlist.protocols.messages import Envelope, Progress, new_id
from punchlist.protocols.transport import InProcess, SqliteTransport, Transport


def envelope(note: str, recipient: str = "manager") -> Envelope:
    return Envelope(
        id=new_id(), run="r", task="t", attempt=1, sender="w", recipient=recipient, sent_at=0.0,
        body=Progress(note=note),
    )  # fmt: skip


@pytest.fixture(params=["in process", "sqlite"])
async def transport(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Transport]:
    made: Transport = InProcess() if request.param == "in process" else SqliteTransport(tmp_path / "mail.db")
    yield made
    await made.close()


async def test_each_recipient_gets_its_own_envelopes_in_order(transport: Transport) -> None:
    sent = [envelope("1"), envelope("2", "verifier"), envelope("3")]
    for item in sent:
        await transport.send(item)

    assert [await transport.receive("manager", 1), await transport.receive("manager", 1)] == [
        sent[0],
        sent[2],
    ]
    assert await transport.receive("verifier", 1) == sent[1]


async def test_receiving_waits_for_what_is_sent_later(transport: Transport) -> None:
    waiting = asyncio.create_task(transport.receive("manager", 5))
    await asyncio.sleep(0)
    later = envelope("later")
    await transport.send(later)

    assert await waiting == later


async def test_receiving_gives_up_in_time(transport: Transport) -> None:
    assert await transport.receive("manager", 0.01) is None


async def test_what_was_not_acknowledged_is_given_out_again_in_order(transport: Transport) -> None:
    sent = [envelope("1"), envelope("2"), envelope("3")]
    for item in sent:
        await transport.send(item)
    for _ in sent[:2]:
        await transport.receive("manager", 1)
    await transport.acknowledge(sent[0])

    assert await transport.recover("manager") == 1
    assert [await transport.receive("manager", 1), await transport.receive("manager", 1)] == sent[1:]


async def test_the_same_envelope_can_be_sent_twice(transport: Transport) -> None:
    item = envelope("again")
    await transport.send(item)
    await transport.send(item)

    assert await transport.receive("manager", 1) == await transport.receive("manager", 1) == item


async def test_mail_in_a_file_outlives_its_reader_and_is_private(tmp_path: Path) -> None:
    first = SqliteTransport(tmp_path / "mail.db")
    item = envelope("kept")
    await first.send(item)
    await first.receive("manager", 1)
    await first.close()

    second = SqliteTransport(tmp_path / "mail.db")
    assert await second.recover("manager") == 1
    assert await second.receive("manager", 1) == item
    await second.close()
    assert stat.S_IMODE((tmp_path / "mail.db").stat().st_mode) == 0o600
