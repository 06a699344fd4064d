"""Small sound files of every kind that is read: what is damaged."""

from __future__ import annotations

import io
import json
import subprocess
import tempfile
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np

from talkinghead.media.ffmpeg import find_ffmpeg
from talkinghead.media.image_writing import SYNTHETIC_PICTURE
from talkinghead.motion.blendshapes import N_BLENDSHAPES
from talkinghead.motion.files import save_motion
from talkinghead.motion.motion import Motion

_SIDE = 40


def _picture() -> np.ndarray:
    y, x = np.mgrid[:_SIDE, :_SIDE]
    return np.stack([6 * x, 6 * y, 3 * (x + y)], 2).astype(np.uint8)


@cache
def pictures() -> tuple[bytes, ...]:
    """PNG of several depths, JPEG that lies on its side, WebP, GIF, TIFF, BMP, PPM, HEIC; one with a profile."""
    from PIL import Image as pillow  # noqa: N813
    from PIL import ImageCms
    from pillow_heif import register_heif_opener

    register_heif_opener()
    rgb = pillow.fromarray(_picture())
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    turned = rgb.getexif()
    turned[0x0112], turned[0x010E] = 6, SYNTHETIC_PICTURE
    found = [_saved(rgb, kind) for kind in ("PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "HEIF")]
    found += [_saved(rgb, "JPEG", exif=turned), _saved(rgb.convert("CMYK"), "JPEG", icc_profile=profile)]
    found += [_saved(rgb, "PNG", icc_profile=profile), _saved(rgb.convert("RGBA"), "PNG", exif=turned)]
    found += [
        _saved(pillow.fromarray(_picture()[..., 0].astype(np.uint16) << 8), "PNG"),
        _saved(rgb.convert("P"), "PNG"),
    ]
    found += [
        _saved(rgb.convert("CMYK"), "TIFF"),
        _saved(pillow.fromarray(_picture()[..., 0].astype(np.float32)), "TIFF"),
    ]
    found += [_saved(rgb, "GIF", save_all=True, append_images=[rgb.rotate(90)])]
    found += [_saved(rgb, "PNG", save_all=True, append_images=[rgb.rotate(90)])]
    return tuple(found)


@cache
def marked() -> tuple[bytes, ...]:
    """Files of every kind that carries XMP, with it, and some with what looks like a C2PA manifest."""
    from PIL import Image as pillow  # noqa: N813

    from talkinghead.media.image_writing import write_image
    from talkinghead.provenance.containers import add_to_gif, xmp_box
    from talkinghead.provenance.xmp import packet

    xmp, manifest = packet(), _box(b"uuid", bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + b"c2pa")
    found = [xmp_box(xmp) + manifest, _box(b"moov", _box(b"udta", _box(b"XMP_", xmp))), *pictures()[:4]]
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.png", "a.jpg", "a.webp", "a.tif"):
            write_image(path := Path(folder, name), _picture())
            found.append(path.read_bytes())
        pillow.fromarray(_picture()).save(path := Path(folder, "a.gif"))
        add_to_gif(path, "a comment", xmp)
        found.append(path.read_bytes())
    return tuple(_box(b"ftyp", b"isom") + one if one[4:8] in (b"uuid", b"moov") else one for one in found)


def _box(kind: bytes, inside: bytes) -> bytes:
    return (8 + len(inside)).to_bytes(4, "big") + kind + inside


def _saved(picture: object, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)  # type: ignore[attr-defined]
    return file.getvalue()


@cache
def sounds() -> tuple[bytes, ...]:
    """Forty milliseconds in what soundfile reads."""
    import soundfile

    wave = 0.4 * np.sin(np.arange(640) / 6)
    two = np.stack([wave, -wave], 1)
    kinds = (
        ("WAV", "PCM_16", wave), ("WAV", "PCM_24", two), ("WAV", "FLOAT", wave), ("WAV", "ALAW", wave),
        ("WAVEX", "PCM_16", two), ("RF64", "PCM_16", wave), ("W64", "PCM_16", wave), ("FLAC", "PCM_16", two),
        ("AIFF", "PCM_16", wave), ("AU", "ULAW", wave), ("CAF", "PCM_16", wave), ("WAV", "DOUBLE", wave),
    )  # fmt: skip
    found = []
    for kind, subtype, samples in kinds:
        file = io.BytesIO()
        soundfile.write(file, samples, 16000, format=kind, subtype=subtype)
        found.append(file.getvalue())
    return tuple(found)


@cache
def videos() -> tuple[bytes, ...]:
    """Six frames with sound in every container that is often met, and sound alone in those that soundfile leaves."""
    source = ["-f", "lavfi", "-i", "testsrc=size=48x32:rate=12:duration=0.5"]
    sound = ["-f", "lavfi", "-i", "sine=frequency=300:duration=0.5"]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.mp4", "a.mkv", "a.webm", "a.avi", "a.mpg", "a.ts", "a.flv", "a.gif", "a.ogg", "a.m4a", "a.mp3"):
            path = Path(folder, name)
            quick = ["-cpu-used", "8", "-deadline", "realtime"] if name == "a.webm" else []
            alone = name in ("a.ogg", "a.m4a", "a.mp3")
            inputs = [*([] if alone else source), *([] if name == "a.gif" else sound)]
            rate = ["-r", "25"] if name == "a.mpg" else []
            subprocess.run([find_ffmpeg(), "-loglevel", "error", *inputs, *quick, *rate, str(path)], check=True)
            found.append(path.read_bytes())
    return tuple(found)


def _motion() -> Motion:
    weights = np.linspace(0, 1, 4)[:, None] * np.ones((1, N_BLENDSHAPES))
    return Motion.from_blendshapes(weights, Fraction(30), rotation=np.ones((4, 3)))


@cache
def motions(suffix: str) -> tuple[bytes, ...]:
    """Four frames of motion, in one format."""
    with tempfile.TemporaryDirectory() as folder:
        path = save_motion(_motion(), Path(folder, f"m{suffix}"))
        return (path.read_bytes(),)


@cache
def pickles() -> tuple[bytes, ...]:
    """LivePortrait's template, JoyVASA's units, and what else a pickle can be made of."""
    import pickle

    rows = {f"{end}_{name}": np.ones((1, width), np.float32)
            for name, width in (("scale", 1), ("t", 3), ("pitch", 1), ("yaw", 1), ("roll", 1))
            for end in ("min", "max")}  # fmt: skip
    units = {**rows, "mean_exp": np.zeros(63, np.float32), "std_exp": np.ones(63, np.float32)}
    odd = {
        "motion": [{"exp": (1, frozenset((2, (3, 4)))), "R": {5: [6]}, "t": b"7", "scale": 1 << 70}],
        "a": bytearray(9),
    }
    return (
        *motions(".pkl"),
        *(pickle.dumps(units, n) for n in (2, 4, 5)),
        *(pickle.dumps(odd, n) for n in (0, 2, 4, 5)),
    )


@cache
def weights() -> tuple[bytes, ...]:
    """A PyTorch file, in its old and its new form."""
    import argparse

    import torch

    state = {"model": {"a": torch.ones(3), "b": torch.zeros(2, 2)}, "args": argparse.Namespace(n_motions=100)}
    found = []
    for zipped in (True, False):
        file = io.BytesIO()
        torch.save(state, file, _use_new_zipfile_serialization=zipped)
        found.append(file.getvalue())
    return tuple(found)


@cache
def tiny_checkpoint() -> dict[str, bytes]:
    """An audio2motion checkpoint of the smallest size: its files by name."""
    import torch

    from audio2motion.config import EncoderConfig, ModelConfig
    from audio2motion.network.export import export_onnx
    from audio2motion.network.model import SpeechMotionModel, save_model

    torch.manual_seed(0)
    encoder = EncoderConfig(hidden_size=8, layers=1, heads=1, feed_forward=8, window=4)
    config = ModelConfig(encoder=encoder, hidden_size=8, layers=1, heads=1, feed_forward=8, window=4)
    with tempfile.TemporaryDirectory() as folder:
        save_model(SpeechMotionModel(config), Path(folder))
        export_onnx(Path(folder))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def lock() -> tuple[bytes, ...]:
    """A folder of weights' lock file."""
    entry = {"bytes": 3, "sha256": "0" * 64, "repository": "a/b", "revision": "c"}
    return (json.dumps({"version": 1, "files": {"a/b.pth": entry}}).encode(),)
