"""`talkinghead evaluate`: a video's figures, by itself and against a reference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from talkinghead.cli.figures import say_figures
from talkinghead.cli.options import GivenFile, GroupedCommand, option, quiet_options
from talkinghead.cli.progress import progress
from talkinghead.cli.stopping import stop_at_once
from talkinghead.core.output import check_writable

if TYPE_CHECKING:
    from talkinghead.quality.against import AgainstReference
    from talkinghead.quality.evaluate import Evaluation
    from talkinghead.quality.face_series import Alone
    from talkinghead.quality.lip_sync import LipSync


@click.command(cls=GroupedCommand)
@click.argument("video", type=GivenFile())
@click.argument("reference", type=GivenFile(), required=False)
@option("--json", "as_json", section="make", is_flag=True, help="Print JSON.")
@option("-o", "--output", section="make", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.json",
        help="Also write the JSON into a file.")  # fmt: skip
@option("--force", section="make", is_flag=True, help="Overwrite FILE.json.")
@option("--syncnet", section="make", type=GivenFile(), metavar="FILE",
        help="SyncNet's weights (syncnet_v2.model), for LSE-C and LSE-D.")  # fmt: skip
@option("--trust-syncnet", section="make", is_flag=True,
        help="Take --syncnet's file though it is not the published one.")  # fmt: skip
@quiet_options
def command(
    video: Path,
    reference: Path | None,
    as_json: bool,
    output: Path | None,
    force: bool,
    syncnet: Path | None,
    trust_syncnet: bool,
    quiet: bool,
) -> None:
    """Measure the face in VIDEO, by itself and against REFERENCE, of which it is to be the copy.

    \b
    talkinghead evaluate made.mp4              mouth and sound, silence, blinks, head
    talkinghead evaluate made.mp4 real.mp4     also LMD, M-LMD, F-LMD, SSIM, PSNR, opening, closures

    Both begin together, and are compared at the lower of their rates, up to the end of the shorter one.
    """
    if trust_syncnet and syncnet is None:
        raise click.UsageError("--trust-syncnet is for --syncnet")
    if output is not None:
        check_writable(output, force)
    with stop_at_once():
        from talkinghead.quality.evaluate import evaluate
        from talkinghead.quality.lip_sync import SyncNetFile

    weights = None if syncnet is None else SyncNetFile(syncnet, trust_syncnet)
    with progress("measuring", None, quiet) as advance:
        found = evaluate(video, reference, syncnet=weights, progress=advance)
    say_figures(found.as_json(), None if as_json else _lines(found), output, force, quiet)


def _lines(found: Evaluation) -> Iterator[str]:
    """The figures as text."""
    size = "{}x{}".format(*found.compared.size)
    yield f"{found.compared.frames} frames of {size} at {found.compared.fps} per second"
    yield from (f"note: {note}" for note in found.compared.notes)
    if found.against_reference is not None:
        yield from ("", f"{found.video.file} against its reference")
        yield from _against(found.against_reference)
    for name, alone in found.alone.items():
        yield from ("", f"{name} by itself")
        yield from _alone(alone)
    if found.lip_sync is not None:
        yield from ("", "lips and sound, by SyncNet")
        yield from _lip_sync(found.lip_sync)


def _against(found: AgainstReference) -> Iterator[str]:
    yield _row("LMD, lips by their own middle", found.lmd, "eye distances")
    yield _row("M-LMD, lips by the face's middle", found.m_lmd, "eye distances")
    yield _row("F-LMD, the whole face", found.f_lmd, "eye distances")
    yield _row("SSIM, whole frames", found.ssim)
    yield _row("SSIM, the face", found.face_ssim)
    yield _row("PSNR, whole frames", found.psnr_db, "dB")
    yield _row("PSNR, the face", found.face_psnr_db, "dB")
    yield _row("mouth's opening, r", found.opening_correlation)
    yield _row("  at a lag of", found.opening_lag_ms, "ms (positive: the video is behind)")
    yield _row("  at no lag, r", found.opening_correlation_unshifted)
    yield _row("closures of the reference that are kept", found.closures_kept)
    yield _row("closures that the reference has, too", found.closures_right)
    yield from _reasons(found.reasons)


def _alone(found: Alone) -> Iterator[str]:
    yield _row("frames without a face", found.frames_without_face, f"of {found.frames}")
    yield _row("sound's level and mouth's opening, r", found.sound_correlation)
    yield _row("  at a lag of", found.sound_lag_ms, "ms (positive: the picture is behind)")
    yield _row("  at no lag, r", found.sound_correlation_unshifted)
    yield _row("open lips in silence, share", found.silent_open_share, f"of {found.silent_frames or 0} frames")
    yield _row("blinks per minute", found.blinks_per_minute)
    turns = None if found.head_std_deg is None else " / ".join(f"{value:.2f}" for value in found.head_std_deg)
    yield f"  {'head: pitch / yaw / roll, std':<42} {turns or '-'} degrees"
    yield _row("head: speed", found.head_speed_deg_s, "degrees per second")
    yield _row("head: place, std", found.head_travel, "eye distances")
    yield from _reasons(found.reasons)


def _lip_sync(found: LipSync) -> Iterator[str]:
    yield _row("LSE-D, less is better", found.lse_d)
    yield _row("LSE-C, more is better", found.lse_c)
    yield _row("offset", found.offset_frames, "frames of 40 ms (positive: the picture is behind)")
    if not found.published:
        yield "  the weights are not the published ones: these scores compare with nobody's"


def _row(what: str, value: float | None, unit: str = "") -> str:
    shown = "-" if value is None else f"{value:d}" if isinstance(value, int) else f"{value:.4g}"
    return f"  {what:<42} {shown} {unit}".rstrip()


def _reasons(reasons: dict[str, str]) -> Iterator[str]:
    yield from (f"  no figure for {what}: {why}" for what, why in reasons.items())
