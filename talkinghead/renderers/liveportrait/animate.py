"""From a source's reading and a driver's motion to driven keypoints: the rules in their order."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from talkinghead.core.errors import MotionError
from talkinghead.core.renderer_options import LivePortraitOptions
from talkinghead.models.liveportrait.crop import Ratios
from talkinghead.models.liveportrait.head import Head, keypoints, lip_neutral, rotation_matrix
from talkinghead.motion.motion import Motion, Rest
from talkinghead.renderers.liveportrait import rules
from talkinghead.renderers.liveportrait.rules import Network
from talkinghead.renderers.liveportrait.speech import articulate


class Retargeters(Protocol):
    """The small networks that the rules call."""

    @property
    def stitching(self) -> Network: ...

    @property
    def lip(self) -> Network: ...

    @property
    def eye(self) -> Network: ...


class SourceState(NamedTuple):
    """What the rules know of B source pictures.

    `canonical` (B, K, 3), `head`, `x` (B, K, 3) its keypoints, `eyes` (B, 2) and `lip` (B, 1) its ratios.
    """

    canonical: Tensor
    head: Head
    x: Tensor
    eyes: Tensor
    lip: Tensor


def source_state(canonical: Tensor, head: Head, ratios: list[Ratios]) -> SourceState:
    """A source's reading with its keypoints and ratios."""
    eyes = canonical.new_tensor(np.stack([ratio.eyes for ratio in ratios]))
    lip = canonical.new_tensor([[ratio.lip] for ratio in ratios])
    return SourceState(canonical, head, keypoints(canonical, head), eyes, lip)


def head_of(motion: Motion, like: Tensor) -> Head:
    """A motion's frames as a head's states, on the device of `like`."""
    return Head(
        like.new_tensor(motion.expression),
        rotation_matrix(like.new_tensor(motion.rotation)),
        like.new_tensor(motion.translation),
        like.new_tensor(motion.scale[:, None]),
    )


def rest_head(rest: Rest, like: Tensor) -> Head:
    """A driver's rest as a head's state of one frame."""
    return Head(
        like.new_tensor(rest.expression[None]),
        rotation_matrix(like.new_tensor(np.asarray(rest.rotation)[None])),
        like.new_tensor(np.asarray(rest.translation)[None]),
        like.new_tensor([[rest.scale]]),
    )


class Animator:
    """LivePortrait's rules with one set of options. It remembers nothing: any number of drawings may share it.

    `single` says that what drives is one frame of one picture, which has no first frame to be relative to.
    """

    def __init__(self, networks: Retargeters, options: LivePortraitOptions, single: bool = False) -> None:
        self._networks, self._options, self._single = networks, options, single

    def moved(self, source: SourceState, motion: Motion) -> Head:
        """The head that `motion` makes of `source`, before the region confines it."""
        driver, rest = head_of(motion, source.x), rest_head(motion.rest, source.x)
        options = self._options
        if motion.view == "blendshapes":
            # Blendshapes are nobody's face: their expression is always relative.
            expression = source.x.new_tensor(articulate(motion).expression)
            driver, rest = driver._replace(exp=expression), rest._replace(exp=torch.zeros_like(rest.exp))
            head = rules.relative(source.head, driver, rest)
            return rules.absolute(source.head, driver)._replace(exp=head.exp) if options.absolute else head
        if options.absolute:
            return rules.absolute(source.head, driver)
        if self._single and torch.equal(driver.exp, rest.exp):
            rest = rest._replace(exp=lip_neutral().to(driver.exp)[None])
        return rules.relative(source.head, driver, rest, motion.rest.replaced_keypoints)

    def smoothed(self, source: SourceState, motion: Motion, moved: Head, exp: Tensor, rotation: Tensor) -> Head:
        """`moved` with its expression (B, K, 3) and rotation (B, 3, 3) smoothed over a source video's frames.

        What absolute motion leaves to the source stays the source's own, which is not smoothed.
        """
        if self._options.absolute and motion.view == "expression":
            exp = rules.absolute_expression(source.head.exp, exp)
        return moved._replace(exp=exp, rotation=rotation)

    def keypoints(self, source: SourceState, motion: Motion, moved: Head) -> Tensor:
        """Driven keypoints (B, K, 3) from the moved head."""
        options = self._options
        x = keypoints(source.canonical, rules.confine(source.head, moved, options.region))
        speaking = motion.view == "blendshapes"
        x = self._spoken(source, motion, x) if speaking else self._retargeted(source, motion, x)
        if options.stitching:
            x = rules.stitch(self._networks.stitching, source.x, x)
        # Absolute lips already are the driver's own; where blendshapes move them, their target is the mouth's opening.
        if options.normalize_lip and not options.absolute and not (speaking and options.moves_lips):
            x = x + self._closing(source)
        return rules.multiply(source.x, x, options.multiplier)

    def _retargeted(self, source: SourceState, motion: Motion, x: Tensor) -> Tensor:
        """Eye and lip retargeting to the driver's measured ratios."""
        options = self._options
        if not (options.eye_retargeting or options.lip_retargeting):
            return x
        if not options.absolute:
            x = source.x.expand_as(x)
        if options.eye_retargeting:
            if motion.eye_ratio is None:
                raise MotionError("this motion has no eye ratios: leave --eye-retargeting out")
            x = x + self._eyes(source, source.x.new_tensor(motion.eye_ratio[:, :1]))
        if options.lip_retargeting:
            if motion.lip_ratio is None:
                raise MotionError("this motion has no lip ratios: leave --lip-retargeting out")
            x = x + self._lips(source, source.x.new_tensor(motion.lip_ratio[:, None]))
        return x

    def _spoken(self, source: SourceState, motion: Motion, x: Tensor) -> Tensor:
        """Lips and lids as blendshapes want them, relative to what the networks say of the portrait as it is."""
        options, said = self._options, articulate(motion)
        if options.moves_lips:
            target = source.x.new_tensor(said.lip_ratio[:, None])
            x = x + self._lips(source, target) - self._lips(source, source.lip)
        if options.moves_eyes:
            open_ratio = source.eyes.mean(1, keepdim=True)
            target = open_ratio * (1 - source.x.new_tensor(said.closed[:, None]))
            x = x + self._eyes(source, target) - self._eyes(source, open_ratio)
        return x

    def _lips(self, source: SourceState, target: Tensor) -> Tensor:
        ratios = torch.cat([source.lip.expand(len(target), 1), target], 1)
        return rules.retarget(self._networks.lip, source.x, ratios)

    def _eyes(self, source: SourceState, target: Tensor) -> Tensor:
        ratios = torch.cat([source.eyes.expand(len(target), 2), target], 1)
        return rules.retarget(self._networks.eye, source.x, ratios)

    def _closing(self, source: SourceState) -> Tensor:
        """Deltas that close lips which stand open."""
        deltas = self._lips(source, torch.zeros_like(source.lip))
        return torch.where(source.lip[..., None] >= rules.OPEN_LIP_RATIO, deltas, torch.zeros_like(deltas))
