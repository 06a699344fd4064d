"""The command line. Each command lives in a file of its own and is imported when it is called."""

from __future__ import annotations

import importlib
import shlex
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from talkinghead import __version__
from talkinghead.core.errors import TalkingHeadError
from talkinghead.core.places import is_there
from talkinghead.core.signals import Stopped, hear_ending_signals

# name -> (module under talkinghead.cli, one line of help): the group's own help imports none of them.
COMMANDS: dict[str, tuple[str, str]] = {
    "speak": ("speak", "Make a picture or a video speak a recording."),
    "animate": ("animate", "Move a picture or a video by a video, a picture or a motion file."),
    "edit": ("edit", "Change the face in a picture."),
    "faces": ("faces", "List the faces in a picture, numbered as --face counts them."),
    "live": ("live", "Drive a picture by a camera in real time."),
    "inspect": ("inspect", "Say what a file is, and whether it says that it is synthetic."),
    "motion": ("motion", "Extract, inspect and convert motion files."),
    "app": ("app", "Show a page in the browser that does all this."),
    "serve": ("serve", "Answer programs over HTTP and WebSocket."),
    "voices": ("voices", "List the engines and voices that speak a text."),
    "batch": ("batch", "Make many videos from a manifest."),
    "evaluate": ("evaluate", "Measure a video, by itself and against a reference."),
    "bench": ("bench", "Measure how long talkinghead takes on this machine."),
    "doctor": ("doctor", "Say what is installed and which renderer would draw."),
    "export": ("export", "Write the neural renderer's networks as ONNX files."),
    "checkpoints": ("checkpoints", "List, download and verify weights."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module only to run it, and turns our errors into one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"talkinghead.cli.{COMMANDS[name][0]}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Somebody who leaves the command out is told which one is likely meant."""
        first = args[0] if args else ""
        if first not in COMMANDS and not first.startswith("-"):
            near = get_close_matches(first, COMMANDS, n=1)
            if near:
                raise click.UsageError(f"there is no command {first!r}: do you mean `talkinghead {near[0]}`?", ctx)
            if "." in first or is_there(Path(first)):
                raise click.UsageError(f"a command comes first: `talkinghead speak {shlex.join(args)}`", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except TalkingHeadError as error:
            _stop(ctx, str(error), error)
        except KeyboardInterrupt as interrupt:
            click.echo("talkinghead: stopped", err=True)
            sys.exit(interrupt.exit_code if isinstance(interrupt, Stopped) else 130)
        except MemoryError as error:
            _stop(ctx, "not enough memory: try a smaller picture", error)
        except BrokenPipeError:
            raise  # click ends quietly where nobody reads on, as in `| head`
        except OSError as error:
            # What reaches here is the system's own: a full disk, a vanished file.
            place = f" ({error.filename})" if error.filename else ""
            _stop(ctx, f"{error.strerror or error}{place}", error)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            _stop(ctx, f"this is a mistake in talkinghead ({said}): please report it with what --debug shows", error)


def _stop(ctx: click.Context, message: str, error: BaseException) -> None:
    """One line and exit code 1; the traceback only where --debug asked for it."""
    if ctx.find_root().meta.get("talkinghead.debug"):
        raise error
    click.echo(f"talkinghead: {' '.join(message.split())}", err=True)
    sys.exit(1)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="talkinghead")
def main() -> None:
    """Make a picture speak.

    \b
    talkinghead speak portrait.png speech.wav     writes portrait--speech.mp4
    talkinghead doctor                            says what is here and what would make it better
    """


def run() -> None:
    """The program `talkinghead`: `main` in a process of its own."""
    if "--debug" not in sys.argv:
        from talkinghead.cli.native_output import keep_to_ourselves

        keep_to_ourselves()
    from talkinghead.cli.stopping import whole_program

    hear_ending_signals()
    with whole_program():
        main(prog_name="talkinghead")
