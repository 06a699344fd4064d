"""Devices and precisions."""

from __future__ import annotations

import pytest
import torch

from talkinghead.core.device import resolve_device, resolve_precision
from talkinghead.core.errors import DeviceError

CPU = torch.device("cpu")


def test_auto_takes_what_the_device_has() -> None:
    assert resolve_precision("auto", CPU) in ("fp32", "bf16")
    assert resolve_precision("auto", torch.device("cuda")) == "fp16"


@pytest.mark.parametrize(("precision", "device"), [("fp16", CPU), ("int8", torch.device("cuda")), ("fp8", CPU)])
def test_precisions_that_a_device_lacks_are_refused(precision: str, device: torch.device) -> None:
    with pytest.raises(DeviceError, match="choose"):
        resolve_precision(precision, device)


def test_devices_that_are_not_there_are_refused() -> None:
    with pytest.raises(DeviceError, match="no device 'tpu'"):
        resolve_device("tpu")
    # No machine has both of these.
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    missing = next(kind for kind, found in there.items() if not found)
    with pytest.raises(DeviceError, match=f"no {missing} device .* choose --device cpu"):
        resolve_device(missing)
