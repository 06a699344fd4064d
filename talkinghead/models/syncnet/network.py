"""SyncNet's two towers: five frames of a face, and the 0.2 s of sound to them, as two vectors that lie near each other.

J. S. Chung and A. Zisserman, "Out of time: automated lip sync in the wild", Workshop on Multi-view Lip-reading, ACCV
2016. The published second version (`syncnet_v2.model`) sees whole faces in colour, 224 x 224, and gives vectors of 1024
numbers. The layers below are its, and so are the names of its weights: `netcnnaud`, `netfcaud`, `netcnnlip` and
`netfclip`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from talkinghead.checkpoints import verify
from talkinghead.core.errors import CheckpointError
from talkinghead.core.safe_pickle import load_weights

SHA256 = "961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442"
NAME = "syncnet_v2.model"
FRAMES, SIDE_PX, SOUND_COLUMNS = 5, 224, 20
VECTOR = 1024
_HIDDEN = 512


@dataclass(frozen=True)
class _Layer:
    """A convolution with normalisation and ReLU, and the pooling after it (kernel, stride, padding)."""

    channels: int
    kernel: tuple[int, int]
    stride: int = 1
    padding: int = 1
    pool: tuple[tuple[int, int], tuple[int, int], int] | None = None


# Over (13 cepstra, 20 columns) of one channel.
_SOUND = (
    _Layer(64, (3, 3), pool=((1, 1), (1, 1), 0)),
    _Layer(192, (3, 3), pool=((3, 3), (1, 2), 0)),
    _Layer(384, (3, 3)),
    _Layer(256, (3, 3)),
    _Layer(256, (3, 3), pool=((3, 3), (2, 2), 0)),
    _Layer(512, (5, 4), padding=0),
)
# Over (224, 224) of three channels; the first one takes the five frames together.
_FACE = (
    _Layer(96, (7, 7), 2, 0, ((3, 3), (2, 2), 0)),
    _Layer(256, (5, 5), 2, 1, ((3, 3), (2, 2), 1)),
    _Layer(256, (3, 3)),
    _Layer(256, (3, 3)),
    _Layer(256, (3, 3), pool=((3, 3), (2, 2), 0)),
    _Layer(512, (6, 6), padding=0),
)


class SyncNet(nn.Module):
    """Both towers, for looking only: in evaluation mode, with whatever weights are loaded into it."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(*_sound_layers())
        self.netfcaud = _head()
        self.netcnnlip = nn.Sequential(*_face_layers())
        self.netfclip = _head()
        self.eval()

    def of_sound(self, cepstra: Tensor) -> Tensor:
        """(n, 1, 13, 20) to (n, 1024)."""
        vectors: Tensor = self.netfcaud(self.netcnnaud(cepstra).flatten(1))
        return vectors

    def of_face(self, frames: Tensor) -> Tensor:
        """(n, 3, 5, 224, 224), blue, green, red, 0 to 255, to (n, 1024)."""
        vectors: Tensor = self.netfclip(self.netcnnlip(frames).flatten(1))
        return vectors


def _sound_layers() -> list[nn.Module]:
    layers: list[nn.Module] = []
    before = 1
    for layer in _SOUND:
        layers += [nn.Conv2d(before, layer.channels, layer.kernel, layer.stride, layer.padding),
                   nn.BatchNorm2d(layer.channels), nn.ReLU()]  # fmt: skip
        layers += [nn.MaxPool2d(*layer.pool)] if layer.pool else []
        before = layer.channels
    return layers


def _face_layers() -> list[nn.Module]:
    layers: list[nn.Module] = []
    before, deep = 3, FRAMES
    for layer in _FACE:
        layers += [nn.Conv3d(before, layer.channels, (deep, *layer.kernel), (1, layer.stride, layer.stride),
                             (0, layer.padding, layer.padding)),
                   nn.BatchNorm3d(layer.channels), nn.ReLU()]  # fmt: skip
        if layer.pool:
            kernel, stride, padding = layer.pool
            layers.append(nn.MaxPool3d((1, *kernel), (1, *stride), (0, padding, padding)))
        before, deep = layer.channels, 1
    return layers


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, _HIDDEN), nn.BatchNorm1d(_HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, VECTOR))


def check_file(path: Path, trusted: bool) -> str:
    """The sha256 of a SyncNet file, which must be the published one's unless it is `trusted`.

    Raises:
        CheckpointError: there is no such file, or it is another one.
    """
    try:
        found = verify.hash_file(path)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}): --syncnet names the file {NAME}") from None
    if found != SHA256 and not trusted:
        raise CheckpointError(
            f"{path} is not the published {NAME} (its sha256 is {found[:12]}..., not {SHA256[:12]}...): download it "
            "again, or say --trust-syncnet if you know where it comes from; its scores compare with nobody's then"
        )
    return found


def load_syncnet(path: Path) -> SyncNet:
    """The network with the weights in `path`; nothing in the file is ever run.

    Raises:
        CheckpointError: the file is damaged, or holds other weights than SyncNet's.
    """
    weights = load_weights(path)
    network = SyncNet()
    wanted = network.state_dict()
    # Files from before PyTorch 0.4.1 do not count batches, and nothing here asks for the count.
    missing = {name for name in wanted if name not in weights and not name.endswith("num_batches_tracked")}
    fitting = all(isinstance(value, Tensor) and name in wanted and value.shape == wanted[name].shape
                  for name, value in weights.items())  # fmt: skip
    if missing or not fitting:
        raise CheckpointError(f"{path} holds other weights than SyncNet's second version: --syncnet names {NAME}")
    network.load_state_dict({**wanted, **weights})
    return network
