"""A frozen case: what narrow networks with fixed weights answer to fixed inputs, kept in `frozen.npz`.

The file was made by the first implementation that matched the published one's figures in every module and every frame
(which need weights that are too large to travel with the project). To make it anew, after a change that is meant:

    python -m tests.liveportrait.frozen
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from talkinghead.core.renderer_options import LivePortraitOptions
from talkinghead.core.types import Face, Floats
from talkinghead.models.liveportrait.reading import as_tensor
from talkinghead.motion.blendshapes import LIP_KEYPOINTS
from talkinghead.motion.motion import Motion
from talkinghead.renderers.liveportrait import LivePortraitRenderer
from tests.liveportrait import narrow, samples
from tests.liveportrait.samples import KeypointEngine, drawn, read_motion, spoken_motion

PATH = Path(__file__).with_name("frozen.npz")
# Every how many pixels of a picture are kept, and which frames of a source video: of its 16, the first and the last,
# and those around the smoother's look-ahead.
STEP_PX = 32
VIDEO_FRAMES, VIDEO_KEPT = 16, [0, 3, 4, 11, 15]


def options() -> dict[str, LivePortraitOptions]:
    """The options under which a still picture is drawn."""
    return {
        "relative": LivePortraitOptions(),
        "absolute": LivePortraitOptions(absolute=True),
        "no_stitching": LivePortraitOptions(stitching=False),
        "multiplier": LivePortraitOptions(multiplier=1.6),
        "normalize_lip": LivePortraitOptions(normalize_lip=True),
        "retargeting": LivePortraitOptions(lip_retargeting=True, eye_retargeting=True),
        "absolute_retargeting": LivePortraitOptions(absolute=True, lip_retargeting=True, eye_retargeting=True),
        "exp": LivePortraitOptions(region="exp"),
        "pose": LivePortraitOptions(region="pose"),
        "lip": LivePortraitOptions(region="lip"),
        "eyes": LivePortraitOptions(region="eyes"),
    }


def face() -> Face:
    """Points that lie somewhere in the picture; the crop is the whole of it, so that they decide the ratios alone."""
    points = np.random.RandomState(7).rand(478, 3).astype(np.float32) * 100 + 70
    points[[13, 14]] = [[120, 150, 0], [120, 158, 0]]
    points[[61, 291]] = [[100, 154, 0], [140, 154, 0]]
    return Face(points)


def keypoints(engine: KeypointEngine, motion: Motion, chosen: LivePortraitOptions, single: bool = False) -> Floats:
    """Driven keypoints (T, 21, 3) of the still picture."""
    engine.seen = []
    renderer = LivePortraitRenderer(engine, chosen)
    drawn(renderer.open(renderer.crop(samples.picture(), face(), whole=True), single=single), motion)
    return torch.cat(engine.seen).numpy()


def video_keypoints(engine: KeypointEngine, motion: Motion) -> Floats:
    """Driven keypoints (T, 21, 3) of a source video."""
    engine.seen = []
    renderer = LivePortraitRenderer(engine)
    drawn(renderer.open(None), motion, (), samples.portraits(len(motion), face(), renderer))
    return torch.cat(engine.seen).numpy()


@torch.inference_mode()
def modules() -> dict[str, Floats]:
    """What each network says; all but M in double precision, so that the order of summation does not show."""
    models = narrow.models()
    picture = as_tensor([samples.picture().pixels])
    for network in (models.appearance, models.warping, models.generator):
        network.double()
    source, driving = torch.from_numpy(np.random.RandomState(3).rand(2, 1, 21, 3) - 0.5)
    raw, feature = models.motion(picture), models.appearance(picture.double())
    deformation, occlusion = models.warping.dense_motion_network(feature, driving, source)
    warped = models.warping.warp(feature, deformation, occlusion)
    image = models.generator(warped)
    answers = {f"motion_{name}": value for name, value in raw._asdict().items()}
    answers |= {
        "feature": feature[..., ::16, ::16],
        "deformation": deformation[:, :, ::16, ::16],
        "occlusion": occlusion[..., ::8, ::8],
        "warped": warped[..., ::16, ::16],
        "image": image[..., ::STEP_PX, ::STEP_PX],
    }
    return {name: value.float().numpy() for name, value in answers.items()}


def answers() -> dict[str, Floats]:
    """Everything that is frozen, by name."""
    engine, read = KeypointEngine(narrow.models()), read_motion(3)
    lips = replace(read, rest=replace(read.rest, replaced_keypoints=LIP_KEYPOINTS))
    found = {name: keypoints(engine, read[1:], chosen) for name, chosen in options().items()}
    found |= {
        "spoken": keypoints(engine, spoken_motion(2), LivePortraitOptions()),
        "spoken_absolute": keypoints(engine, spoken_motion(2), LivePortraitOptions(absolute=True)),
        "replaced": keypoints(engine, lips[1:], LivePortraitOptions()),
        "single": keypoints(engine, read[:1], LivePortraitOptions(), single=True),
        "video": video_keypoints(engine, read_motion(VIDEO_FRAMES))[VIDEO_KEPT],
        "video_spoken": video_keypoints(engine, spoken_motion(VIDEO_FRAMES))[VIDEO_KEPT],
    }
    return found | modules()


if __name__ == "__main__":
    np.savez_compressed(PATH, **answers())
    print(PATH, PATH.stat().st_size, "bytes")
