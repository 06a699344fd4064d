"""Draw the house and its arrows, and the flow through it: `python docs/draw_house.py` writes docs/assets/*.svg.

`--check` writes nothing and says, with exit code 1, whether a drawing is out of date. Line counts are rounded to
hundreds, so that not every edit makes it so.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from docs import drawn_flow, house
from docs.drawn_flow import INK, WIDTH, words

ASSETS = house.ROOT / "docs" / "assets"
MARGIN = 24
BOX_HEIGHT, GAP, TOP = 74, 44, 92
# A narrower box says how large its room is on a line of its own.
NARROW = 300
BETWEEN = 18
# Rooms that bear nearly everything above them lie under its whole width; lonely ones above them stand in the middle.
LONELY_WIDTH = 460
CELLAR_HEIGHT = 132
GROUND = ("media", "motion", "core")
DARK = "#3a4055"
# One colour a floor, from the top down: the arrows of a room have its own.
HUES = (345, 18, 40, 62, 96, 140, 172, 200, 224, 252, 280)


@dataclass
class Box:
    """A room as it is drawn: its corner, its size, its floor counted from the top."""

    x: float
    y: float
    width: float
    floor: int

    @property
    def bottom(self) -> float:
        return self.y + BOX_HEIGHT


def placed() -> dict[str, Box]:
    """Every room's box."""
    boxes = {}
    inner = WIDTH - 2 * MARGIN
    for floor, rooms in enumerate(house.FLOORS):
        y = TOP + floor * (BOX_HEIGHT + GAP)
        width = (inner - BETWEEN * (len(rooms) - 1)) / len(rooms)
        if len(rooms) < 3 and rooms[0] not in GROUND:
            width = min(width, LONELY_WIDTH)
        taken = width * len(rooms) + BETWEEN * (len(rooms) - 1)
        for i, room in enumerate(rooms):
            boxes[room] = Box((WIDTH - taken) / 2 + i * (width + BETWEEN), y, width, floor)
    bottom = TOP + len(house.FLOORS) * (BOX_HEIGHT + GAP)
    boxes["audio2motion"] = Box(MARGIN, bottom, inner, len(house.FLOORS))
    return boxes


def colour(floor: int, lightness: int, saturation: int = 55) -> str:
    return drawn_flow.colour(HUES[floor % len(HUES)], lightness, saturation)


def anchors(boxes: dict[str, Box], pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[float, float]]:
    """Where each arrow leaves the bottom of its room and meets the top of the other: spread, in the others' order."""
    pairs = list(pairs)
    leaving: dict[str, list[str]] = defaultdict(list)
    coming: dict[str, list[str]] = defaultdict(list)
    for source, target in pairs:
        leaving[source].append(target)
        coming[target].append(source)

    def middle(room: str) -> float:
        return boxes[room].x + boxes[room].width / 2

    def spread(room: str, others: list[str], other: str) -> float:
        ordered = sorted(others, key=lambda name: (middle(name), boxes[name].floor))
        return boxes[room].x + boxes[room].width * (ordered.index(other) + 1) / (len(ordered) + 1)

    found = {}
    for source, target in pairs:
        start = spread(source, leaving[source], target)
        end = spread(target, coming[target], source)
        if target in (*GROUND, "audio2motion"):
            # A floor as wide as the house is met straight below.
            end = start
        found[source, target] = (start, end)
    return found


def arrow(source: Box, target: Box, start: float, end: float, count: int, title: str) -> str:
    """One curve, thicker the more names are imported; those to the next floor strong, others faint."""
    near = target.floor == source.floor + 1
    width = 1.3 if count < 3 else 2.2 if count < 10 else 3.4
    opacity = 0.95 if near else 0.4
    y0, y1 = source.bottom, target.y - 7
    bend = (y1 - y0) * 0.45
    stroke = colour(source.floor, 42)
    head = f"M{end - 4.5:.1f} {y1:.1f}L{end + 4.5:.1f} {y1:.1f}L{end:.1f} {y1 + 7:.1f}Z"
    return (
        f"<g opacity='{opacity}'><title>{escape(title)}</title>"
        f"<path d='M{start:.1f} {y0:.1f}C{start:.1f} {y0 + bend:.1f} {end:.1f} {y1 - bend:.1f} {end:.1f} {y1:.1f}' "
        f"fill='none' stroke='{stroke}' stroke-width='{width}'/><path d='{head}' fill='{stroke}'/></g>"
    )


def room(name: str, box: Box, count: int, lines: int, bears_all: bool = False) -> str:
    """A box with the room's name, its size and what it holds."""
    size = f"{count} file{'' if count == 1 else 's'}, {rounded(lines)} lines"
    held = house.HOLDS[name] + ("; every room above imports it (no arrows drawn)" if bears_all else "")
    narrow = box.width < NARROW
    return (
        f"<g><rect x='{box.x:.1f}' y='{box.y}' width='{box.width:.1f}' height='{BOX_HEIGHT}' rx='9' "
        f"fill='{colour(box.floor, 95, 60)}' stroke='{colour(box.floor, 52)}' stroke-width='1.5'/>"
        + words(box.x + 14, box.y + 26, 18, name, weight=650, fill=INK)
        + (
            words(box.x + 14, box.y + 64, 12, size)
            if narrow
            else words(box.x + box.width - 12, box.y + 25, 12, size, anchor="end")
        )
        + words(box.x + 14, box.y + (45 if narrow else 52), 12 if narrow else 13, held, fill=DARK)
        + "</g>"
    )


def rounded(lines: int) -> str:
    return f"{round(lines, -2):,}" if lines >= 50 else "under 50"


def cellar(box: Box) -> tuple[str, float]:
    """audio2motion with its rooms side by side, and the drawing's lower edge."""
    found = house.sizes("audio2motion")
    rooms = [name for name in found if (house.ROOT / "audio2motion" / name).is_dir()]
    alone = [size for name, size in found.items() if name not in rooms]
    held = f"{house.HOLDS['audio2motion']}; talkinghead uses its public names alone, and it never imports talkinghead"
    parts = [
        f"<rect x='{box.x}' y='{box.y}' width='{box.width}' height='{CELLAR_HEIGHT}' rx='9' fill='#f3f3f6' "
        "stroke='#666b80' stroke-width='1.5'/>",
        words(box.x + 14, box.y + 26, 18, "audio2motion", weight=650, fill=INK),
        words(box.x + 168, box.y + 26, 13, held, fill=DARK),
    ]
    every = [("its files", "predictor, config, targets", len(alone), sum(lines for _, lines in alone))]
    every += [(name, house.HOLDS.get(name, ""), *found[name]) for name in rooms]
    width = (box.width - 28 - 12 * (len(every) - 1)) / len(every)
    for i, (name, said, count, lines) in enumerate(every):
        x = box.x + 14 + i * (width + 12)
        parts += [
            f"<rect x='{x:.1f}' y='{box.y + 42}' width='{width:.1f}' height='76' rx='7' fill='#ffffff' "
            "stroke='#a9adbd'/>",
            words(x + 10, box.y + 63, 15, name, weight=600, fill=INK),
            words(x + 10, box.y + 84, 11.5, said, fill=DARK),
            words(x + 10, box.y + 106, 11, f"{count} files, {rounded(lines)} lines"),
        ]
    return "".join(parts), box.y + CELLAR_HEIGHT


def bears_all(name: str, boxes: dict[str, Box], counts: Mapping[tuple[str, str], int]) -> bool:
    """Whether every room above imports this one: then its arrows would say nothing."""
    above = [other for other, box in boxes.items() if box.floor < boxes[name].floor]
    return len(above) > 1 and all((other, name) in counts for other in above)


def drawing() -> str:
    """The whole house as SVG."""
    boxes, sizes = placed(), house.sizes()
    every = house.arrows()
    bearing = {room for room in boxes if bears_all(room, boxes, every)}
    counts = {pair: count for pair, count in every.items() if pair[1] not in bearing}
    ends = anchors(boxes, counts)
    near_last = sorted(counts, key=lambda pair: (boxes[pair[0]].floor - boxes[pair[1]].floor, pair))
    lines = [
        arrow(boxes[a], boxes[b], *ends[a, b], counts[a, b], f"{a} imports {counts[a, b]} of {b}") for a, b in near_last
    ]
    rooms = [room(name, boxes[name], *sizes[name], name in bearing) for floor in house.FLOORS for name in floor]
    below, bottom = cellar(boxes["audio2motion"])
    begin = drawn_flow.opened(
        bottom + MARGIN,
        "talkinghead: the rooms and who imports whom",
        "The rooms of talkinghead and who imports whom",
        "Arrows go down and never up or across. Strong: to the next floor; faint: further down, passing behind the "
        "boxes between. Thicker: 3 names or more, 10 or more.",
    )
    return begin + "\n".join([*lines, *rooms, below]) + "\n</svg>\n"


def main(arguments: list[str]) -> int:
    stale = []
    for name, text in (("house.svg", drawing()), ("flow.svg", drawn_flow.drawing())):
        path = ASSETS / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in arguments:
            ASSETS.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"drawn: {path}")
    if stale and "--check" in arguments:
        print(f"out of date: {', '.join(stale)}; run python docs/draw_house.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
