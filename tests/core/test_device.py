"""Devices and precisions."""

import pytest
import torch

from talkinghead.core.device import FEW_FRAMES, precision_for, resolve_device, resolve_precision
from talkinghead.core.errors import DeviceError

CPU = torch.device("cpu")


def test_a_few_frames_are_drawn_in_full_precision():
    assert precision_for("auto", FEW_FRAMES) == "fp32"
    assert precision_for("auto", FEW_FRAMES + 1) == "auto"
    assert precision_for("auto", None) == "auto"
    assert precision_for("bf16", 1) == "bf16"


def test_auto_takes_what_the_device_has():
    assert resolve_precision("auto", CPU) in ("fp32", "bf16")
    assert resolve_precision("auto", torch.device("cuda")) == "fp16"


@pytest.mark.parametrize(("precision", "device"), [("fp16", CPU), ("int8", torch.device("cuda")), ("fp8", CPU)])
def test_precisions_that_a_device_lacks_are_refused(precision, device):
    with pytest.raises(DeviceError, match="choose"):
        resolve_precision(precision, device)


def test_devices_that_are_not_there_are_refused():
    with pytest.raises(DeviceError, match="no device 'tpu'"):
        resolve_device("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="choose --device cpu"):
            resolve_device("cuda")
