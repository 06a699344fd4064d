"""What a person can ask of a drawing: read once, here, and handed to the rooms that act on it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args

from talkinghead.core.errors import InputError

RendererName = Literal["auto", "warp", "liveportrait", "liveportrait-animals"]
RENDERERS: tuple[str, ...] = get_args(RendererName)
Framing = Literal["picture", "crop", "whole"]

DEFAULT_FPS = Fraction(25)
MAX_FPS = 120


@dataclass(frozen=True, slots=True)
class Gains:
    """Factors on the driving motion: 1 leaves it as it is, 0 removes it.

    `mouth`: jaw and lips; `head`: pose; `blink`: lids; `expression`: brows, gaze, cheeks and nose.
    """

    mouth: float = 1.0
    head: float = 1.0
    blink: float = 1.0
    expression: float = 1.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not 0 <= value <= 3:
                raise InputError(f"the {item.name} gain must lie between 0 and 3, not {value:g}")


@dataclass(frozen=True, slots=True)
class Settings:
    """How to draw.

    - `renderer`: "warp", "liveportrait", "liveportrait-animals" (the same networks with the weights for cats and dogs),
      or "auto" (the neural one where its weights and a GPU are there);
    - `checkpoints`: folder of downloaded weights; `device`, `precision`: see `talkinghead.core.device`;
    - `fps`: frames per second (25, 29.97, "30000/1001"), None for the driver's own (25 for speech);
    - `framing`: "picture" pastes the drawn face back, "crop" keeps the face crop alone, "whole" takes the picture as
      being a face crop already;
    - `face`: which face, counted from 1 (None: the largest); `box`: (x, y, width, height) where none is found;
    - `still`: no head motion; `gains`: factors on the motion; `seed`: of blinks, brows and head motion;
    - `keep_mouth`: start from the picture's mouth as it is rather than closed (warp; for edits);
    - `liveportrait`: options of the neural renderer's motion rules, by name.
    """

    renderer: RendererName = "auto"
    checkpoints: Path | None = None
    device: str = "auto"
    precision: str = "auto"
    fps: Fraction | None = None
    framing: Framing = "picture"
    face: int | None = None
    box: tuple[float, float, float, float] | None = None
    still: bool = False
    gains: Gains = field(default_factory=Gains)
    seed: int = 0
    keep_mouth: bool = False
    liveportrait: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.renderer not in RENDERERS:
            raise InputError(f"there is no renderer {self.renderer!r}: choose one of {', '.join(RENDERERS)}")
        if self.framing not in get_args(Framing):
            raise InputError(f"there is no framing {self.framing!r}: choose one of {', '.join(get_args(Framing))}")
        # From Python a rate is often a plain number or a text, and a folder a text.
        if self.fps is not None and not isinstance(self.fps, Fraction):
            object.__setattr__(self, "fps", parse_fps(str(self.fps)))
        if self.checkpoints is not None:
            object.__setattr__(self, "checkpoints", Path(self.checkpoints))
        if self.seed < 0:
            raise InputError(f"the seed must not be negative: {self.seed}")
        if self.fps is not None and not 1 <= self.fps <= MAX_FPS:
            raise InputError(f"the frame rate must lie between 1 and {MAX_FPS}, not {self.fps}")


def parse_fps(text: str) -> Fraction:
    """A frame rate as people write it: `25`, `29.97`, `30000/1001`. NTSC's decimals become their exact fractions."""
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise InputError(f"{text!r} is not a frame rate: write 25, 29.97 or 30000/1001") from None
    for whole in (24, 30, 48, 60, 120):
        exact = Fraction(whole * 1000, 1001)
        if rate.denominator != 1 and abs(rate - exact) < Fraction(1, 100):
            return exact
    return rate
