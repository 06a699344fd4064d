"""The command line: audio2motion corpus | train | evaluate | export."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from audio2motion.checkpoint import CONFORMER_SMALL
from audio2motion.errors import Audio2MotionError

_FOLDER = click.Path(path_type=Path, file_okay=False)
_EXISTING = click.Path(path_type=Path, exists=True, file_okay=False)


class _Group(click.Group):
    """Turns the package's own errors into one line."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Audio2MotionError as error:
            if ctx.params.get("debug"):
                raise
            click.echo(f"audio2motion: {error}", err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            click.echo("audio2motion: stopped; the same command goes on where this one was", err=True)
            sys.exit(130)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show a traceback for errors.")
def main(debug: bool) -> None:
    """Speech-driven facial motion: make a corpus, train a model, evaluate it, export it."""


@main.command()
@click.argument("out", type=_FOLDER)
@click.option("--hours", type=float, default=1.0, show_default=True, help="Hours of synthesised speech.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same corpus.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--engines", default="espeak-ng,flite,festival", show_default=True,
              help="Text-to-speech engines; those that are not installed are left out.")  # fmt: skip
@click.option("--texts", type=_EXISTING, help="Folder of <language>*.txt to read from instead of what is installed.")
@click.option("--speechless", type=click.FloatRange(0, 1), default=0.2, show_default=True,
              help="Share of takes that are silence, noise or music.")  # fmt: skip
@click.option("--videos", type=_EXISTING, help="Make the corpus from the talking-head clips in this folder instead.")
@click.option("--extractor", default="mesh", show_default=True, help="What measures motion in --videos.")
def corpus(out: Path, videos: Path | None, extractor: str, engines: str, **options: Any) -> None:
    """Make a corpus in OUT: synthesised speech with exact lips, or (--videos) real clips with measured ones.

    A corpus that was interrupted is finished by the same command.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("clips" if videos else "shards", total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        if videos is not None:
            from audio2motion.corpus.video_corpus import make_video_corpus

            info, failures = make_video_corpus(videos, out, extractor=extractor, progress=progress)
            for name, reason in failures:
                click.echo(f"left out {name}: {reason}", err=True)
        else:
            from audio2motion.corpus.build import make_corpus

            wanted = tuple(name.strip() for name in engines.split(",") if name.strip())
            info = make_corpus(out, engines=wanted, progress=progress, **options)
    click.echo(f"{out}: {info.shards} shards, from {', '.join(info.engines) or 'video'}")


def _layer(text: str) -> int | None:
    """The value of --encoder-layer."""
    if text == "mix":
        return None
    try:
        return int(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a number nor mix", param_hint="--encoder-layer") from None


@main.command()
@click.argument("corpora", type=_EXISTING, nargs=-1, required=True)
@click.option("-o", "--out", type=_FOLDER, required=True, help="Folder of the run and, at its end, the checkpoint.")
@click.option("--epochs", type=click.IntRange(1), default=20, show_default=True)
@click.option("--minutes", type=float, help="Stop after so many minutes; the learning rate falls to zero by then.")
@click.option("--batch-size", type=click.IntRange(1), default=16, show_default=True)
@click.option("--learning-rate", type=float, default=1.5e-3, show_default=True)
@click.option("--patience", type=click.IntRange(1), default=6, show_default=True, help="Epochs without gain.")
@click.option("--encoder", default=CONFORMER_SMALL, show_default=True,
              help="The small one, trained here, or a hub model such as facebook/wav2vec2-base-960h.")  # fmt: skip
@click.option("--encoder-layer", default="-1", show_default=True, metavar="N|mix",
              help="Which of a hub encoder's layers, or a learnt mix of all.")  # fmt: skip
@click.option("--tune-encoder", is_flag=True, help="Train a hub encoder's weights too.")
@click.option("--mixed-precision", type=click.Choice(["no", "fp16", "bf16"]), default="no", show_default=True)
@click.option("--workers", type=click.IntRange(0), default=0, show_default=True, help="Processes that read the corpus.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--resume", is_flag=True, help="Go on with the run in OUT.")
@click.option("--init", type=_EXISTING, help="Start from this checkpoint: to tune it to clips of your own, say.")
@click.option("--keep", type=click.FloatRange(0, 1), default=0.0, show_default=True,
              help="Share of --init in the result: about 0.5 keeps what your clips do not show.")  # fmt: skip
@click.option("--look-ahead", type=click.IntRange(0), help="Frames of 20 ms that are heard ahead: 10, or --init's.")
@click.option("--settle", type=click.FloatRange(0), help="Seconds ahead that tell level and colour: 0, or --init's.")
def train(corpora: tuple[Path, ...], out: Path, encoder: str, encoder_layer: str, tune_encoder: bool, resume: bool,
          init: Path | None, look_ahead: int | None, settle: float | None, **options: Any) -> None:  # fmt: skip
    """Train a model on CORPORA. Under `accelerate launch -m audio2motion train ...` it uses every GPU."""
    from audio2motion.checkpoint import CONFIG_FILE
    from audio2motion.config import EncoderConfig, ModelConfig
    from audio2motion.corpus.build import CorpusInfo
    from audio2motion.training.history import plot_history
    from audio2motion.training.train import TrainConfig
    from audio2motion.training.train import train as run

    info = CorpusInfo.read(corpora[0])
    keypoints = bool(info.channels) and info.channels[0].startswith("keypoint")
    model_config = ModelConfig(
        encoder=EncoderConfig(name=encoder, layer=_layer(encoder_layer), frozen=not tune_encoder),
        output="expression" if keypoints else "blendshapes",
        channels=() if keypoints else info.channels,
    )
    if init is not None:
        model_config = ModelConfig.read(init / CONFIG_FILE)
    if look_ahead is not None:
        model_config = replace(model_config, look_ahead=look_ahead)
    if settle is not None:
        model_config = replace(model_config, encoder=replace(model_config.encoder, settle_s=settle))
    run(list(corpora), out, model_config, TrainConfig(**options), resume=resume, report=click.echo, init=init)
    plot_history(out, out / "training.png")
    click.echo(f"{out}: checkpoint and training.png")


@main.command()
@click.argument("corpora", type=_EXISTING, nargs=-1, required=True)
@click.option("-o", "--out", type=_FOLDER, required=True, help="Folder for the checkpoint.")
@click.option("--init", type=_EXISTING, help="Checkpoint to start from; by default the embedded one.")
@click.option("--hours", type=float, default=1.0, show_default=True, help="Of each corpus, at most.")
@click.option("--penalty", type=click.FloatRange(0, min_open=True), default=3e4, show_default=True,
              help="Weight of the start, in steps of 20 ms of speech: the more, the less CORPORA change.")  # fmt: skip
@click.option("--speed", "speeds", type=click.FloatRange(0.5, 2), multiple=True,
              help="Hear synthesised speech once more, so many times as fast; of several at each in turn.")  # fmt: skip
def fit(corpora: tuple[Path, ...], out: Path, init: Path | None, hours: float, penalty: float,
        speeds: tuple[float, ...]) -> None:  # fmt: skip
    """Solve for the lips that speech features tell, on CORPORA: of synthesised speech, or of clips of your own.

    It takes a minute for an hour of speech, twice that with --speed, and leaves all else of the checkpoint as it is.
    """
    from audio2motion.checkpoint import embedded_checkpoint
    from audio2motion.training.feature_fit import fit_features
    from audio2motion.training.settings import FitConfig

    config = FitConfig(penalty, hours, speeds)
    fit_features(corpora, init or embedded_checkpoint(), out, config, report=click.echo)
    click.echo(f"{out}: checkpoint; for prediction without PyTorch: audio2motion export {out}")


@main.command()
@click.argument("out", type=_FOLDER)
@click.option("--minutes", type=click.FloatRange(0, min_open=True), default=60.0, show_default=True,
              help="Of the whole run; the learning rate falls to zero by then.")  # fmt: skip
@click.option("--hours", type=click.FloatRange(0, min_open=True), default=40.0, show_default=True,
              help="Hours of sound that are learnt from, at most.")  # fmt: skip
@click.option("--recordings", type=_EXISTING, help="Folder of recordings of people, to be learnt from as well.")
@click.option("--texts", type=_EXISTING, help="Folder of <language>*.txt to read from instead of what is installed.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes that make takes.")
@click.option("--batch-s", type=click.FloatRange(4), default=400.0, show_default=True, help="Seconds of sound a step.")
@click.option("--held-out", type=click.IntRange(1), default=16, show_default=True,
              help="Takes of either kind on which the student is compared with its teacher.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--device", default="auto", show_default=True)
def distil(out: Path, recordings: Path | None, texts: Path | None, workers: int, seed: int, device: str,
           **options: Any) -> None:  # fmt: skip
    """Distil the embedded speech encoder into a small Wav2Vec2 in OUT, a checkpoint for --encoder, on a GPU best."""
    from audio2motion.training.distil_settings import DistilConfig, TakesConfig
    from audio2motion.training.distil_takes import Takes

    config = DistilConfig(takes=TakesConfig(recordings=recordings, texts=texts, seed=seed), **options)
    with Takes(config.takes, workers) as takes:  # they begin while PyTorch is imported
        from audio2motion.training.distil import distil as run

        run(out, config, takes, device, report=click.echo)
    click.echo(f"{out}: checkpoint and report")


@main.command()
@click.argument("clips", type=_EXISTING)
@click.option("--checkpoint", type=_EXISTING, help="Checkpoint folder; by default the embedded one.")
@click.option("-o", "--out", type=_FOLDER, help="Folder for the figures as JSON and text, and a plot per clip.")
@click.option("--device", default="cpu", show_default=True)
@click.option("--av-offset", is_flag=True, help="Shift each clip by the offset that its clips.json states.")
@click.option("--offset-ms", type=float, default=0.0, show_default=True,
              help="Shift all clips by this; negative where mouths lead their sound.")  # fmt: skip
@click.option("--low-latency", is_flag=True, help="With the short look-ahead and no smoothing, as live.")
@click.option("--plots/--no-plots", default=True, help="Draw a plot per clip.")
@click.option(
    "--known-sounds/--no-known-sounds", default=True, help="Also synthesised speech, silence, noise and music."
)
def evaluate(
    clips: Path,
    checkpoint: Path | None,
    out: Path | None,
    device: str,
    av_offset: bool,
    **options: Any,
) -> None:
    """Compare a checkpoint with the measured mouths in the folder CLIPS, with loudness, and with known sounds."""
    from audio2motion.evaluation.evaluate import evaluate as run
    from audio2motion.evaluation.evaluate import table
    from audio2motion.predictor import Predictor

    predictor = Predictor.load(checkpoint, device)
    evaluation = run(clips, predictor, out=out, use_av_offset=av_offset, **options)
    click.echo(table(evaluation))


@main.command()
@click.argument("checkpoint", type=_EXISTING, required=False)
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False),
              help="The file; by default model.onnx in CHECKPOINT, which predicts without PyTorch.")  # fmt: skip
def export(checkpoint: Path | None, out: Path | None) -> None:
    """Write CHECKPOINT (a folder; by default the embedded one) as ONNX, its streaming states as inputs and outputs.

    Both latencies are held against PyTorch, step for step; a file that differs is not kept.
    """
    from audio2motion.checkpoint import ONNX_FILE, embedded_checkpoint
    from audio2motion.network.export import export_onnx

    folder = checkpoint or embedded_checkpoint()
    difference = export_onnx(folder, out)
    click.echo(f"{out or folder / ONNX_FILE}: within {difference:.0e} of PyTorch")


if __name__ == "__main__":
    main()
