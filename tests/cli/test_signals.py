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
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_thread_gets_no_signals_and_holds_none():
    masks = []

    def work():
        with signals_held():
            masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [signal.SIGINT in mask for mask in masks] == [False]
