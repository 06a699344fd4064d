"""What a person can ask of a drawing: read once, here, and handed to the rooms that act on it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeVar, get_args

from talkinghead.core.background import is_transparent, parse_background
from talkinghead.core.device import DEVICES, Precision
from talkinghead.core.emotions import Emotion, parse_emotion
from talkinghead.core.errors import InputError
from talkinghead.core.marking import Marking
from talkinghead.core.options import Option, option, options_of
from talkinghead.core.renderer_options import LivePortraitOptions, WarpOptions

RendererName = Literal["auto", "warp", "liveportrait", "liveportrait-animals"]
RENDERERS: tuple[str, ...] = get_args(RendererName)
Framing = Literal["picture", "crop", "whole"]
Box = tuple[float, float, float, float]
FaceChoice = int | Literal["all"] | None

DEFAULT_FPS = Fraction(25)
MAX_FPS = 120
MAX_GAIN = 3
# A video of this width is as large as players and encoders take without trouble.
MAX_PICTURE_SIDE_PX = 2048
MIN_SIDE_PX, MAX_SIDE_PX = 32, 8192

Options = TypeVar("Options", WarpOptions, LivePortraitOptions, Marking)


def parse_fps(text: str) -> Fraction:
    """A frame rate as people write it: `25`, `29.97`, `30000/1001`. NTSC's decimals become their exact fractions.

    Raises:
        InputError: it is none.
    """
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise InputError(f"{text!r} is not a frame rate: write 25, 29.97 or 30000/1001") from None
    for whole in (24, 30, 48, 60, 120):
        exact = Fraction(whole * 1000, 1001)
        if rate.denominator != 1 and abs(rate - exact) < Fraction(1, 100):
            return exact
    return rate


def parse_face(text: str) -> int | Literal["all"]:
    """A face's number, counted from 1, the largest, or "all".

    Raises:
        InputError: it is neither.
    """
    word = text.strip()
    if word == "all":
        return "all"
    number = int(word) if word.isdecimal() and len(word) < 10 else 0
    if number < 1:
        raise InputError(f"{text!r} is not a face: write its number, 1 for the largest, or all")
    return number


def parse_box(text: str) -> Box:
    """`x,y,width,height` in pixels.

    Raises:
        InputError: it is no box, or has no area.
    """
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"{text!r} is not a box: write x,y,width,height in pixels") from None
    if not all(map(math.isfinite, (x, y, width, height))):
        raise InputError(f"{text!r} is not a box: write x,y,width,height in pixels")
    if width <= 0 or height <= 0:
        raise InputError(f"the box {text!r} has no area: write x,y,width,height in pixels")
    return x, y, width, height


@dataclass(frozen=True, slots=True)
class Gains:
    """Factors on the driving motion: 1 leaves it as it is, 0 removes it.

    `mouth`: jaw and lips; `head`: pose; `blink`: lids; `expression`: brows, gaze, cheeks and nose.
    """

    mouth: float = option(1.0, "Gain of jaw and lips.", group="motion", metavar="GAIN")
    head: float = option(1.0, "Gain of head motion.", group="motion", metavar="GAIN")
    blink: float = option(1.0, "Gain of the lids.", group="motion", metavar="GAIN")
    expression: float = option(1.0, "Gain of brows, gaze and cheeks.", group="motion", metavar="GAIN")

    def __post_init__(self) -> None:
        for name, value in (
            ("mouth", self.mouth), ("head", self.head), ("blink", self.blink), ("expression", self.expression)
        ):  # fmt: skip
            if not 0 <= value <= MAX_GAIN:
                raise InputError(f"the {name} gain must lie between 0 and {MAX_GAIN}, not {value:g}")


@dataclass(frozen=True, slots=True)
class Settings:
    """How to draw.

    - `renderer`: "warp", "liveportrait", "liveportrait-animals" (the same networks with the weights for cats and dogs),
      or "auto" (the neural one where its weights and a GPU are there);
    - `checkpoints`: folder of downloaded weights; `device`, `precision`: see `talkinghead.core.device`;
    - `fps`: frames per second (25, 29.97, "30000/1001"), None for the driver's own (25 for speech);
    - `framing`: "picture" pastes the drawn face back, "crop" keeps the face crop alone, "whole" takes the picture as
      being a face crop already;
    - `face`: which face, counted from 1 (None: the largest), or "all"; `box`: (x, y, width, height) where none is
      found; `force_mouth`: move a mouth that something covers;
    - `background`: what is behind the person instead of the picture's own background: "transparent", "blur", a colour
      (a name, #rrggbb) or a picture's file; None for the picture as it is, on white where it is transparent;
    - `max_side`: a picture whose longer side has more pixels is scaled down to this;
    - `still`: no head motion; `gains`: factors on the motion; `seed`: of blinks, brows and head motion;
    - `emotion`: what the face shows beside its speech, eased in ("happy", "sad=0.5"); lips close as without;
    - `marking`: how the result is marked as made, visibly and for machines;
    - `warp`, `liveportrait`: options of one renderer; those of a renderer that does not draw are refused.
    """

    renderer: RendererName = option("auto", "What draws.", group="make", choices=RendererName)
    checkpoints: Path | None = option(None, "Folder of downloaded weights.", group="make", metavar="DIR", read=Path)
    device: str = option("auto", f"{', '.join(DEVICES)}, or one of several: cuda:1.", group="make", metavar="DEVICE")
    precision: str = option("auto", "Of the neural renderer.", group="neural", choices=Precision)
    fps: Fraction | None = option(
        None, "Frames per second: 25, 29.97, 30000/1001.", group="make", metavar="RATE", read=parse_fps
    )
    framing: Framing = "picture"
    face: FaceChoice = option(
        None, "Which face, counted from the largest, or all.", group="face", metavar="N|all", read=parse_face
    )
    box: Box | None = option(
        None, "Where the face is, if none is found.", group="face", metavar="X,Y,W,H", read=parse_box
    )
    force_mouth: bool = option(False, "Move the mouth although something covers it.", group="face")
    background: str | None = option(
        None, "Behind the person: transparent, blur, a colour (a name, #rrggbb) or a picture.", group="make",
        metavar="WHAT", read=str,
    )  # fmt: skip
    max_side: int = option(
        MAX_PICTURE_SIDE_PX, "A larger picture's longer side is scaled down to this.", group="make", metavar="PX"
    )
    still: bool = option(False, "Keep the head still.", group="motion")
    emotion: Emotion | None = option(
        None, "What the face feels: happy, sad, angry, surprised, calm; happy=0.5 is half as much.", group="motion",
        metavar="NAME[=0..1]", read=parse_emotion,
    )  # fmt: skip
    gains: Gains = field(default_factory=Gains)
    seed: int = option(0, "Of blinks, brows and head motion.", group="motion", metavar="N")
    marking: Marking = field(default_factory=Marking)
    warp: WarpOptions = field(default_factory=WarpOptions)
    liveportrait: LivePortraitOptions = field(default_factory=LivePortraitOptions)

    def __post_init__(self) -> None:
        if self.renderer not in RENDERERS:
            raise InputError(f"there is no renderer {self.renderer!r}: choose one of {', '.join(RENDERERS)}")
        if self.framing not in get_args(Framing):
            raise InputError(f"there is no framing {self.framing!r}: choose one of {', '.join(get_args(Framing))}")
        # From Python a rate is often a plain number or a text, a folder a text, and options a dictionary.
        for name, value in (
            ("fps", self.fps if self.fps is None or isinstance(self.fps, Fraction) else parse_fps(str(self.fps))),
            ("checkpoints", None if self.checkpoints is None else Path(self.checkpoints)),
            ("background", None if self.background is None else str(self.background)),
            ("emotion", parse_emotion(self.emotion) if isinstance(self.emotion, str) else self.emotion),
            ("marking", _options(Marking, self.marking)),
            ("warp", _options(WarpOptions, self.warp)),
            ("liveportrait", _options(LivePortraitOptions, self.liveportrait)),
        ):
            object.__setattr__(self, name, value)
        if self.face != "all" and self.face is not None and self.face < 1:
            raise InputError(f"faces count from 1, the largest: there is no face {self.face}")
        # A file that is named in full is looked for by whoever reads it, once: then it may be gone.
        if self.background is not None and not Path(self.background).is_absolute():
            parse_background(self.background)
        if not MIN_SIDE_PX <= self.max_side <= MAX_SIDE_PX:
            raise InputError(f"a picture's longer side must lie between {MIN_SIDE_PX} and {MAX_SIDE_PX} pixels, "
                             f"not {self.max_side}")  # fmt: skip
        if self.seed < 0:
            raise InputError(f"the seed must not be negative: {self.seed}")
        if self.fps is not None and not 1 <= self.fps <= MAX_FPS:
            raise InputError(f"the frame rate must lie between 1 and {MAX_FPS}, not {self.fps}")

    @property
    def is_transparent(self) -> bool:
        """Whether frames are to have no background."""
        return is_transparent(self.background)


class SettingsKeywords(TypedDict, total=False):
    """The fields of `Settings` as keyword arguments; a test holds the two together."""

    renderer: RendererName
    checkpoints: Path | str | None
    device: str
    precision: str
    fps: Fraction | float | str | None
    framing: Framing
    face: FaceChoice
    box: Box | None
    force_mouth: bool
    background: Path | str | None
    max_side: int
    still: bool
    emotion: Emotion | str | None
    gains: Gains
    seed: int
    marking: Marking | Mapping[str, Any]
    warp: WarpOptions | Mapping[str, Any]
    liveportrait: LivePortraitOptions | Mapping[str, Any]


def _options(kind: type[Options], given: Options | Mapping[str, Any]) -> Options:
    """A group of options, which may be given as a dictionary.

    Raises:
        InputError: an unknown name.
    """
    if isinstance(given, kind):
        return given
    known = [item.name for item in fields(kind)]
    if unknown := [name for name in given if name not in known]:  # type: ignore[union-attr]
        raise InputError(f"there is no option {unknown[0]!r}: choose among {', '.join(known)}")
    return kind(**given)  # type: ignore[arg-type]


# Where in Settings each option goes: "" for a field of its own.
_PARTS: dict[str, type[Any]] = {
    "": Settings, "gains": Gains, "marking": Marking, "warp": WarpOptions, "liveportrait": LivePortraitOptions
}  # fmt: skip
_CROP = Option("crop", "framing", "Write the face crop alone, without pasting it back.", "face", "picture", str,
               stored="crop")  # fmt: skip
_WHOLE = Option("no-crop", "framing", "SOURCE already is a face crop.", "face", "picture", str, stored="whole")
_PLACES: dict[str, tuple[str, Option]] = {
    **{item.name: (part, item) for part, kind in _PARTS.items() for item in options_of(kind)},
    _CROP.name: ("", _CROP),
    _WHOLE.name: ("", _WHOLE),
}

# Every option of a drawing by its long name, as the command line and manifests write it.
OPTIONS: dict[str, Option] = {name: item for name, (_, item) in _PLACES.items()}


def settings_of(values: Mapping[str, Any]) -> Settings:
    """Settings from values by their options' long names ("no-stitching", "fps"); what is missing keeps its default.

    Raises:
        InputError: an unknown name, a value out of its range, or two options that exclude each other.
    """
    if values.get(_CROP.name, "picture") != "picture" and values.get(_WHOLE.name, "picture") != "picture":
        raise InputError("crop and no-crop exclude each other: choose one")
    parts: dict[str, dict[str, Any]] = {part: {} for part in _PARTS}
    for name, value in values.items():
        if name not in _PLACES:
            raise InputError(f"there is no option {name!r}: choose among {', '.join(sorted(_PLACES))}")
        part, item = _PLACES[name]
        if value != item.default or item.field not in parts[part]:
            parts[part][item.field] = value
    own = parts.pop("")
    return Settings(**own, **{part: _PARTS[part](**given) for part, given in parts.items()})


def given_options(options: WarpOptions | LivePortraitOptions) -> list[str]:
    """The long names of a renderer's options that are not at their defaults."""
    values = asdict(options)
    return [item.name for item in options_of(type(options)) if values[item.field] != item.default]


def option_texts(options: Marking) -> dict[str, str]:
    """The options that are not at their defaults, by their long names, as texts that `Option.value_of` reads."""
    values = asdict(options)
    given = {item: values[item.field] for item in options_of(type(options)) if values[item.field] != item.default}
    return {item.name: "yes" if item.is_flag else str(value) for item, value in given.items()}
