"""Signals to a command that runs until it is stopped: none breaks it, whenever it comes."""

import asyncio
import os
import signal
import sys
import threading

import pytest

from punchlist.agents.cli.stopping import SIGNALS, stop_signals


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_does_what_was_asked_for_last_and_further_ones_nothing(number):
    done = []

    with stop_signals() as stop:
        stop.then(lambda: done.append("former"))
        stop.then(lambda: done.append("latter"))
        for _ in range(3):
            signal.raise_signal(number)

    assert done == ["latter"] and stop.heard


def test_a_signal_that_came_before_anything_was_asked_for_is_not_lost():
    done = []

    with stop_signals() as stop:
        signal.raise_signal(signal.SIGINT)
        stop.then(lambda: done.append("stopped"))
        stop.wait()

    assert done == ["stopped"]


def test_a_signal_ends_the_wait_at_whatever_line_of_it_it_comes():
    """Each line of `wait`, and of what it calls in Python, is interrupted once."""
    lines, ended = 0, False

    while not ended:
        lines += 1
        with stop_signals() as stop:
            ended = not interrupted(stop.wait, lines)
        assert stop.heard

    assert lines > 5


def interrupted(act, at):
    """Whether `act` came to its line number `at`, where a signal is raised, before one came from outside."""
    left = at

    def trace(frame, event, arg):
        nonlocal left
        if threading.current_thread() is threading.main_thread() and event == "line":
            left -= 1
            if left == 0:
                signal.raise_signal(signal.SIGINT)
        return trace

    late = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM))
    late.start()
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
        in_time = late.is_alive()
        late.cancel()
        late.join()
    return left <= 0 and in_time


def test_no_signal_breaks_a_loop_while_it_begins_closes_and_after_it():
    async def closes():
        signal.raise_signal(signal.SIGTERM)
        try:
            await asyncio.sleep(0)
        finally:
            for _ in range(3):
                signal.raise_signal(signal.SIGINT)
                await asyncio.sleep(0)

    with stop_signals():
        signal.raise_signal(signal.SIGINT)
        asyncio.run(closes())
        signal.raise_signal(signal.SIGINT)


def test_the_handlers_of_before_are_back_afterwards():
    before = [signal.getsignal(number) for number in SIGNALS]

    with stop_signals():
        assert [signal.getsignal(number) for number in SIGNALS] != before

    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_another_thread_leaves_the_signals_alone():
    heard = []

    def run():
        with stop_signals() as stop:
            heard.append(stop.heard)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()

    assert heard == [False]
