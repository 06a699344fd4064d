"""A GPU is made ready beside the reading of weights; nothing of that outlives it, or stops it."""

from __future__ import annotations

import threading

import pytest
import torch

from talkinghead.models.liveportrait.ready import made_ready


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_a_cpu_needs_nothing() -> None:
    with made_ready(torch.device("cpu")):
        assert "talkinghead-gpu" not in threads()


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about machines without a GPU")
def test_what_fails_there_is_left_to_whoever_needs_it() -> None:
    with made_ready(torch.device("cuda")):
        pass
    with pytest.raises((RuntimeError, AssertionError)):
        torch.zeros(1, device="cuda")


def test_the_thread_ends_with_the_block() -> None:
    with pytest.raises(ValueError, match="no weights"), made_ready(torch.device("cuda")):
        raise ValueError("no weights")
    assert "talkinghead-gpu" not in threads()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_the_gpu_is_ready_after_it() -> None:
    with made_ready(torch.device("cuda")):
        pass
    assert torch.cuda.is_initialized()
