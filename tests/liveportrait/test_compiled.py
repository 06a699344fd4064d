"""torch.compile: only a failure of compiling switches it off, once, whoever draws."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from talkinghead.models.liveportrait.compiled import Compiled
from talkinghead.models.liveportrait.fast.warping import Source
from talkinghead.models.liveportrait.kernels import CUDNN_FLAGS, SharedContext
from talkinghead.models.liveportrait.padding import in_powers_of_two


def draw(source: Source, kp_driving: Tensor, kp_source: Tensor) -> Tensor:
    """Something small that depends on all that is drawn from."""
    table = torch.unflatten(source.table, 0, (len(source.compact), -1)).sum(1)
    return (kp_driving - kp_source).flatten(1) @ torch.ones(63, 2) + source.compact.sum((1, 2, 3, 4))[:, None] + table


def inputs(frames: int, sources: int = 1) -> tuple[Source, Tensor, Tensor]:
    made = torch.Generator().manual_seed(frames)
    source = Source(
        torch.rand(sources, 1, 2, 2, 2, generator=made), torch.rand(sources * 8, 2, generator=made), (2, 2, 2)
    )
    return source, torch.rand(frames, 21, 3, generator=made), torch.rand(frames, 21, 3, generator=made)


def broken(graph: object, examples: Sequence[Tensor]) -> Callable[..., object]:
    raise RuntimeError("no working C++ compiler was found\nand more that nobody wants to read")


@pytest.fixture(autouse=True)
def nothing_compiled() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log hears from us."""
    return [record.getMessage() for record in caplog.records if record.name == "talkinghead"]


def test_a_failure_of_compiling_is_told_once_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    compiled, given = Compiled(draw, backend=broken), inputs(2)
    with caplog.at_level(logging.WARNING, "talkinghead"), ThreadPoolExecutor(4) as pool:
        for answer in pool.map(lambda _: compiled(*given), range(8)):
            torch.testing.assert_close(answer, draw(*given))
    (line,) = told(caplog)
    assert "no working C++ compiler" in line
    assert "\n" not in line


def test_the_functions_own_error_is_raised_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    compiled = Compiled(draw, backend="eager")
    source, driving, still = inputs(2)
    with pytest.raises(RuntimeError, match="size of tensor a") as caught:
        compiled(source, driving, torch.zeros(3, 21, 3))
    assert type(caught.value) is RuntimeError
    torch.testing.assert_close(compiled(source, driving, still), draw(source, driving, still))
    assert not told(caplog)
    assert "dynamo" not in type(caught.value).__module__


def test_lack_of_memory_is_no_failure_of_compiling(caplog: pytest.LogCaptureFixture) -> None:
    full = [True]

    def backend(graph: torch.fx.GraphModule, examples: Sequence[Tensor]) -> Callable[..., object]:
        def run(*values: Tensor) -> object:
            if full.pop() if full else False:
                raise torch.OutOfMemoryError("CUDA out of memory")
            calls.append(1)
            return graph.forward(*values)

        return run

    calls: list[int] = []
    compiled, given = Compiled(draw, backend=backend), inputs(2)
    with pytest.raises(torch.OutOfMemoryError):
        compiled(*given)
    torch.testing.assert_close(compiled(*given), draw(*given))
    assert calls == [1]
    assert not told(caplog)


@pytest.mark.parametrize("of_a_video", [False, True])
def test_every_number_of_frames_is_drawn_compiled(of_a_video: bool, caplog: pytest.LogCaptureFixture) -> None:
    sizes: list[int] = []

    def backend(graph: torch.fx.GraphModule, examples: Sequence[Tensor]) -> Callable[..., object]:
        sizes.append(max(len(example) for example in examples if example.ndim == 3))
        return graph.forward

    padded = in_powers_of_two(Compiled(draw, backend=backend))
    for frames in range(1, 9):
        given = inputs(frames, frames if of_a_video else 1)
        torch.testing.assert_close(padded(*given), draw(*given))
    assert sizes == [1, 2, 4, 8]
    assert not told(caplog)


def test_a_size_too_many_is_not_passed_over_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    compiled = Compiled(draw, backend="eager")
    with caplog.at_level(logging.WARNING):
        for frames in range(1, 14):
            torch.testing.assert_close(compiled(*inputs(frames)), draw(*inputs(frames)))
    assert len(told(caplog)) == 1


def test_threads_share_one_context_and_leave_what_they_found() -> None:
    entered: list[str] = []

    @contextmanager
    def flags() -> Iterator[None]:
        entered.append("set")
        yield
        entered.append("restored")

    shared, both, out = SharedContext(flags), threading.Barrier(2), threading.Event()

    def first() -> None:
        with shared:
            both.wait()
        out.set()

    def second() -> None:
        with shared:
            both.wait()
            assert out.wait(5)
            entered.append("still inside")

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(first), pool.submit(second)]:
            done.result()
    assert entered == ["set", "still inside", "restored"]


def test_cudnn_flags_are_the_callers_own_again() -> None:
    before = (torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32)
    with CUDNN_FLAGS, CUDNN_FLAGS:
        assert (torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32) == (False, False)
    assert (torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32) == before
