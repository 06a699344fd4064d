"""`talkinghead inspect`: what a file is, and what it says of its own making."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from talkinghead.cli.options import GivenFile, GroupedCommand, option, quiet_options

if TYPE_CHECKING:
    from talkinghead.media.inspection import Facts, Inspection
    from talkinghead.provenance.reading import Manifest


@click.command(cls=GroupedCommand)
@click.argument("file", type=GivenFile())
@option("--json", "as_json", section="make", is_flag=True, help="Print JSON.")
@quiet_options
def command(file: Path, as_json: bool, quiet: bool) -> None:
    """Say what FILE is: a picture, a video, a recording or a motion file; and whether it says that it is synthetic.

    Reads the XMP (IPTC's digital source type), tags and, with the extra `provenance`, the C2PA manifest with its
    signature. A file that says nothing may be anything: this is no detector.
    """
    from talkinghead.media.inspection import inspect_file

    found = inspect_file(file)
    if as_json:
        click.echo(json.dumps(found.record(), ensure_ascii=False, allow_nan=False))
    elif not quiet:
        for name, value in _lines(found):
            click.echo(f"{name + ':':<15}{' '.join(value.split())}")


def _lines(found: Inspection) -> Iterator[tuple[str, str]]:
    facts = found.facts
    yield "file", f"{found.path} ({found.size_bytes} bytes)"
    yield facts.kind, ", ".join(_measures(facts))
    for stream in facts.streams:
        yield stream.kind, f"{stream.codec} {stream.description}"
    if facts.kind == "motion":
        yield from facts.words.items()
        return
    if facts.comment:
        yield "comment", facts.comment
    if found.software:
        yield "software", found.software
    if found.source_type is None:
        yield "synthetic", "it does not say"
    else:
        kind = found.source_type.rpartition("/")[2]
        yield (
            "synthetic",
            f"{'yes' if found.is_synthetic else 'no'}, it says: {kind} (in its {', '.join(found.stated_in)})",
        )
    if found.manifest is not None:
        yield from _manifest_lines(found.manifest)
    if found.note:
        yield "C2PA", found.note


def _measures(facts: Facts) -> Iterator[str]:
    yield facts.container
    if facts.size_px is not None:
        yield f"{facts.size_px[0]} x {facts.size_px[1]}"
    if facts.fps is not None:
        yield f"{facts.frames} frames at {float(facts.fps):.5g}/s"
    if facts.duration_s is not None:
        yield f"{facts.duration_s:.2f} s"


def _manifest_lines(manifest: Manifest) -> Iterator[tuple[str, str]]:
    meaning = {
        "Trusted": "valid: as it was signed, by a signer on the list of trusted ones",
        "Valid": "valid: as it was signed; whether to trust the signer is yours to say",
    }.get(manifest.state, f"INVALID: {', '.join(manifest.problems) or 'it does not belong to this file'}")
    yield "C2PA", meaning
    if manifest.signer:
        yield "signed by", manifest.signer + (f", {manifest.signed_at}" if manifest.signed_at else "")
    yield "actions", ", ".join(manifest.actions)
    for one in manifest.ingredients:
        own = "with a manifest of its own" if one.has_manifest else "without a manifest"
        yield "made from", f"{one.title} ({one.relationship}, {own})"
