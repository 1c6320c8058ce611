"""Signals that are held back."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from kvx_emu.signals import signals_held


@pytest.fixture
def interruptible():
    """Have SIGINT interrupt, also in a process that was started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_waits_for_the_end_of_the_context():
    done = []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012  (where it comes is the question)
        with signals_held():
            os.kill(os.getpid(), signal.SIGINT)
            done.append("inside")
        done.append("behind")
    assert done == ["inside"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_that_another_thread_gets_waits_as_well():
    came = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: came.append(number))
    try:
        with signals_held():
            thread = threading.Thread(
                target=lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
            )
            thread.start()
            thread.join()
            assert came == []
        assert came == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_held():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_changes_no_handlers():
    found = []

    def work():
        with signals_held():
            found.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [before]
