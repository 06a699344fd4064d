"""The flow through talkinghead as SVG: what comes in, where it meets, what comes out. Written by `draw_house.py`."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 1240, 640
FONT = "font-family='Inter, Roboto, Helvetica, Arial, sans-serif'"
INK, SOFT, LINE = "#1c2030", "#4a5068", "#7a8099"


@dataclass(frozen=True)
class Station:
    """A box: its corner, size, hue, title and what it does in a few words, a line each."""

    x: float
    y: float
    width: float
    height: float
    hue: int
    title: str
    words: tuple[str, ...] = ()
    strong: bool = False

    @property
    def left(self) -> tuple[float, float]:
        return self.x, self.y + self.height / 2

    @property
    def right(self) -> tuple[float, float]:
        return self.x + self.width, self.y + self.height / 2

    @property
    def top(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y

    @property
    def bottom(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height


SOURCE = Station(24, 96, 170, 66, 200, "picture, video", ("the face that is shown",))
FACE = Station(232, 96, 150, 66, 200, "faces", ("find, number, follow",))
PORTRAIT = Station(424, 96, 170, 66, 200, "Portrait", ("cropped for the renderer",))
WEIGHTS = Station(232, 190, 150, 66, 280, "checkpoints", ("weights, verified",))
_KEPT = ("renderer + portrait + speech model,", "loaded once", "", "speak, animate, edit, session")
AVATAR = Station(644, 110, 260, 130, 40, "Avatar", _KEPT, strong=True)

SOUND = Station(24, 330, 170, 62, 140, "sound", ("as it comes, any pieces",))
VIDEO = Station(24, 412, 170, 62, 140, "video, camera", ("picture, motion file",))
TEXT = Station(24, 494, 170, 62, 140, "text", ("spoken first: tts",))
DRIVER = Station(232, 392, 150, 100, 140, "Driver", ("push, finish:", "what arrives", "becomes Motion"))
MOTION = Station(434, 392, 150, 100, 252, "Motion", ("52 blendshapes,", "21 keypoints,", "head pose"))
SESSION = Station(644, 330, 260, 226, 40, "Session", ("one clock: the sound's",), strong=True)
GAINS = Station(664, 392, 220, 40, 62, "gains")
DRAWING = Station(664, 442, 220, 40, 18, "Drawing (the renderer)")
PASTE = Station(664, 492, 220, 40, 200, "paste-back")

FRAME = Station(952, 330, 264, 58, 345, "Frame", ("pixels, number, time",))
CLIP = Station(952, 402, 264, 74, 345, "Clip", ("a session collected: save, show", "speak, animate, batch"))
LIVE = Station(952, 490, 264, 66, 345, "window, virtual camera", ("live",))

STATIONS = (SOURCE, FACE, PORTRAIT, WEIGHTS, AVATAR, SOUND, VIDEO, TEXT, DRIVER, MOTION, SESSION, GAINS, DRAWING, PASTE,
            FRAME, CLIP, LIVE)  # fmt: skip


def colour(hue: int, lightness: int, saturation: int) -> str:
    """A colour as every SVG reader knows it: hue in degrees, the others in percent."""
    channels = colorsys.hls_to_rgb(hue / 360, lightness / 100, saturation / 100)
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in channels)


def words(
    x: float, y: float, size: float, text: str, *, weight: int = 400, fill: str = SOFT, anchor: str = "start"
) -> str:
    """A line of text."""
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' font-weight='{weight}' fill='{fill}' "
        f"text-anchor='{anchor}'>{escape(text)}</text>"
    )


def opened(height: float, title: str, label: str, line: str) -> str:
    """The beginning of a drawing: white ground, its title, one line under it."""
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height:.0f}' width='{WIDTH}' "
        f"height='{height:.0f}' {FONT} role='img' aria-label='{label}'>"
        f"<rect width='{WIDTH}' height='{height:.0f}' fill='#ffffff'/>"
        + words(24, 38, 23, title, weight=700, fill=INK)
        + words(24, 62, 13.5, line)
        + "\n"
    )


def box(station: Station) -> str:
    """A station as SVG."""
    weight = 2.2 if station.strong else 1.4
    middle = station.x + station.width / 2
    title_y = station.y + (26 if station.words else station.height / 2 + 5)
    size = 19 if station.strong else 16 if station.words else 14
    parts = [
        f"<rect x='{station.x}' y='{station.y}' width='{station.width}' height='{station.height}' rx='9' "
        f"fill='{colour(station.hue, 96, 60)}' stroke='{colour(station.hue, 50, 50)}' stroke-width='{weight}'/>",
        words(middle, title_y, size, station.title, weight=650, fill=INK, anchor="middle"),
    ]
    for i, said in enumerate(station.words):
        parts.append(words(middle, title_y + 21 + 18 * i, 12.5, said, anchor="middle"))
    return "".join(parts)


def line(start: tuple[float, float], end: tuple[float, float], down: bool = False) -> str:
    """An arrow, curved where its ends do not lie level."""
    (x0, y0), (x1, y1) = start, end
    if down:
        y1 -= 8
        path = f"M{x0} {y0}C{x0} {(y0 + y1) / 2} {x1} {(y0 + y1) / 2} {x1} {y1}"
        head = f"M{x1 - 5} {y1}L{x1 + 5} {y1}L{x1} {y1 + 8}Z"
    else:
        x1 -= 8
        path = f"M{x0} {y0}C{(x0 + x1) / 2} {y0} {(x0 + x1) / 2} {y1} {x1} {y1}"
        head = f"M{x1} {y1 - 5}L{x1} {y1 + 5}L{x1 + 8} {y1}Z"
    return f"<path d='{path}' fill='none' stroke='{LINE}' stroke-width='2'/><path d='{head}' fill='{LINE}'/>"


def drawing() -> str:
    """The whole flow as SVG."""
    ax, ay, aw, ah = AVATAR.x, AVATAR.y, AVATAR.width, AVATAR.height
    sx, sy = SESSION.x, SESSION.y
    arrows = [
        line(SOURCE.right, FACE.left),
        line(FACE.right, PORTRAIT.left),
        line(PORTRAIT.right, (ax, ay + 30)),
        line(WEIGHTS.right, (ax, ay + ah - 30)),
        line((ax + aw / 2, ay + ah), (sx + SESSION.width / 2, sy), down=True),
        line(SOUND.right, (DRIVER.x, DRIVER.y + 24)),
        line(VIDEO.right, DRIVER.left),
        line(TEXT.right, (DRIVER.x, DRIVER.y + 76)),
        line(DRIVER.right, MOTION.left),
        line(MOTION.right, (sx, MOTION.left[1])),
        *(line((SESSION.x + SESSION.width, y), (FRAME.x, y)) for y in (359, 439, 523)),
    ]
    notes = [
        words(sx + SESSION.width / 2 + 14, 290, 12.5, "open as many as there are listeners"),
        words(sx + SESSION.width / 2, 588, 12.5, "push_audio, push_motion, interrupt, idle, finish", anchor="middle"),
        words(24, 620, 12.5, "Driver and Renderer never know each other: Motion is the one currency between them."),
    ]
    begin = opened(
        HEIGHT,
        "The flow: what drives meets what draws in one place",
        "The flow through talkinghead",
        "Everything is pushed. A file is a session fed to its end: the same frames, however the sound was cut.",
    )
    return begin + "\n".join([*arrows, *map(box, STATIONS), *notes]) + "\n</svg>\n"
