"""Many threads on one model: the same motion as alone, and nobody's thread count changes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
import torch

from audio2motion.network.single_thread import single_thread
from audio2motion.predictor import Prediction, Predictor


def counted_in_a_new_thread() -> int:
    """PyTorch's count as a thread reads it that has never computed."""
    counts: list[int] = []
    thread = threading.Thread(target=lambda: counts.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return counts[0]


@pytest.fixture
def two_threads() -> Iterator[int]:
    """A count of at least two, so that one is another."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(2, before))
    yield torch.get_num_threads()
    torch.set_num_threads(before)


def test_a_block_on_one_thread_changes_nothing_outside_it(two_threads: int) -> None:
    inside, leave = threading.Event(), threading.Event()
    counts: list[int] = []

    def compute() -> None:
        before = torch.get_num_threads()
        with single_thread():
            counts.append(torch.get_num_threads())
            inside.set()
            leave.wait(20)
        counts.extend((before, torch.get_num_threads()))

    thread = threading.Thread(target=compute)
    thread.start()
    assert inside.wait(20)
    here, new = torch.get_num_threads(), counted_in_a_new_thread()
    leave.set()
    thread.join()
    assert here == new == two_threads
    assert counts == [1, two_threads, two_threads]


def test_an_error_within_the_block_leaves_the_count_as_it_was(two_threads: int) -> None:
    with pytest.raises(ZeroDivisionError), single_thread():
        1 / 0  # noqa: B018
    assert torch.get_num_threads() == two_threads


def test_blocks_may_lie_within_each_other(two_threads: int) -> None:
    with single_thread():
        with single_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == two_threads


@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
def test_four_threads_predict_what_each_predicts_alone(two_threads: int, device: str) -> None:
    """With ONNX Runtime ("cpu") and with PyTorch."""
    predictor = Predictor.load(device=device)
    sounds = [torch.randn(3 * 16000, generator=torch.Generator().manual_seed(seed)) * 0.1 for seed in range(4)]

    def predict(seed: int) -> Prediction:
        return predictor.predict(sounds[seed], Fraction(25), seed, low_latency=seed % 2 == 1)

    alone = [predict(seed) for seed in range(4)]
    done = threading.Event()
    seen: set[int] = set()

    def watch() -> None:
        # Each asks for the first time, as a thread does that somebody else starts meanwhile.
        while not done.is_set():
            seen.add(counted_in_a_new_thread())

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(predict, range(4)))
    done.set()
    watcher.join()
    assert seen == {two_threads}
    assert torch.get_num_threads() == two_threads
    for one, other in zip(alone, together, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one[:4], other[:4]))
