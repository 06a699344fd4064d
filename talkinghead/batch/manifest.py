"""Manifests: a CSV with a header, or JSON lines.

Each row is one clip: `source` and one of `audio` (speak), `driving` (animate) and `text` (speak);
`output` is optional; every other column is an option by its long name (`seed`, `still`, `fps`, ...). Paths count from
the manifest's folder.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from talkinghead.core.background import is_transparent
from talkinghead.core.errors import InputError
from talkinghead.core.places import is_file
from talkinghead.core.text import read_text

Kind = Literal["audio", "driving", "text"]
KINDS: tuple[Kind, ...] = ("audio", "driving", "text")
_PATHS = ("save-motion", "report", "checkpoints", "sign-cert", "sign-key")


class Job(NamedTuple):
    """One row: its place in the manifest, what drives and by which `kind`, the other columns, the file it writes.

    `force`: whether a file that is there already may be replaced.
    """

    row: int
    kind: Kind
    source: str
    driver: str
    columns: tuple[tuple[str, str], ...]
    output: str
    force: bool = False

    @property
    def key(self) -> str:
        """Changes with anything that would change the result."""
        text = json.dumps([self.kind, self.source, self.driver, self.columns, self.output])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_manifest(path: Path, out_dir: Path) -> list[Job]:
    """The jobs of a manifest.

    Raises:
        InputError: the manifest cannot be read, a row lacks what it needs, or two rows write the same file.
    """
    try:
        text = read_text(path.read_bytes())
    except UnicodeDecodeError:
        raise InputError(f"cannot read the manifest {path}: it is not a text in UTF-8") from None
    except OSError as error:
        raise InputError(f"cannot read the manifest {path}: {error.strerror}") from error
    rows = _json_rows(path, text) if path.suffix.lower() in (".jsonl", ".ndjson") else _csv_rows(path, text)
    # Absolute, because another machine's worker starts in another folder.
    folder, out_dir = path.absolute().parent, out_dir.absolute()
    jobs = [_job(number, row, folder, out_dir) for number, row in rows]
    if not jobs:
        raise InputError(f"the manifest {path} has no rows: a header `source,audio` and one line per video")
    seen: dict[str, int] = {}
    for job in jobs:
        if job.output in seen:
            raise InputError(f"rows {seen[job.output]} and {job.row} of {path} both write {job.output}: name outputs")
        seen[job.output] = job.row
    return jobs


def _csv_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=_separator(text))
    try:
        rows = list(reader)
    except csv.Error as error:
        raise InputError(f"{path} is not CSV: {error}") from None
    for number, row in enumerate(rows, start=1):
        if None in row:
            raise InputError(f"row {number} of {path} has more fields than the header has names")
        yield number, {name.strip(): value for name, value in row.items() if value not in (None, "")}


def _separator(text: str) -> str:
    """What stands between a header's names: spreadsheets write semicolons where the comma is the decimal point."""
    header = text.lstrip().partition("\n")[0]
    return next((sign for sign in (",", ";", "\t") if sign in header), ",")


def _json_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    lines = [line for line in text.split("\n") if line.strip()]
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise InputError(f"row {number} of {path} is not JSON: {reason}") from None
        if not isinstance(row, dict):
            raise InputError(f"row {number} of {path} is not a JSON object")
        yield number, row


def _job(number: int, row: dict[str, Any], folder: Path, out_dir: Path) -> Job:
    fields = {name.replace("_", "-"): _text(value) for name, value in row.items()}
    if bad := next((name for name, value in fields.items() if not _is_text(name + value)), None):
        raise InputError(f"row {number} of the manifest: {bad!r} holds half a character, or one that ends every text")
    source = fields.pop("source", "")
    drivers = [kind for kind in KINDS if kind in fields]
    if not source or len(drivers) != 1:
        raise InputError(f"row {number} of the manifest needs a source and one of audio, driving or text")
    kind = drivers[0]
    driver = fields.pop(kind)
    stem = f"{Path(source).stem}--{Path(driver).stem if kind != 'text' else f'text{number}'}"
    is_cut = is_transparent(fields.get("background"))
    output = str(out_dir / fields.pop("output", f"{stem}.{'webm' if is_cut else 'mp4'}"))
    columns = tuple((name, _placed(name, value, folder)) for name, value in fields.items())
    return Job(number, kind, str(folder / source), driver if kind == "text" else str(folder / driver), columns, output)


def _placed(name: str, value: str, folder: Path) -> str:
    """A column's value, its path counted from the manifest's folder where it is one."""
    is_path = name in _PATHS or (name == "background" and is_file(folder / value))
    return str(folder / value) if is_path else value


def _is_text(text: str) -> bool:
    """Whether a program or a file's name may hold it; names that are no UTF-8 come as Python has them."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def _text(value: object) -> str:
    """A cell as people write it: JSON's true is yes."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
