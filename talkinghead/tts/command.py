"""Any program that speaks as a text-to-speech engine."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from talkinghead.core.errors import DependencyError, InputError
from talkinghead.core.temporary import temporary_folder
from talkinghead.tts.engines import Engine, SpokenText


@dataclass(frozen=True)
class CommandEngine(Engine):
    """Any program that speaks: `piper --model en.onnx --output_file {out}`.

    `{out}` stands for the sound file that it is to write; without it, the sound is read from its standard output.
    `{text}` stands for the text; without it, the text goes to its standard input. No shell is involved.
    """

    command: str

    def speak(self, text: str) -> SpokenText:
        if not text.strip():
            raise InputError("there is no text to speak")
        words = self._words()
        with temporary_folder() as folder:
            return self._spoken(words, text, folder / "speech.wav")

    def _spoken(self, words: list[str], text: str, out: Path) -> SpokenText:
        command = [word.replace("{out}", str(out)).replace("{text}", text) for word in words]
        try:
            done = subprocess.run(
                command,
                input=None if any("{text}" in word for word in words) else f"{text.rstrip()}\n".encode(),
                stdin=subprocess.DEVNULL if any("{text}" in word for word in words) else None,
                capture_output=True,
                check=False,
            )
        except OSError as error:
            raise DependencyError(
                f"the speech command {command[0]!r} does not run ({error.strerror}): install it, or name its full path"
            ) from error
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            reason = said[-1][:200] if said else f"exit code {done.returncode}"
            raise DependencyError(f"the speech command {command[0]!r} failed: {reason}")
        if not any("{out}" in word for word in words):
            out.write_bytes(done.stdout)
        return self._read(out, command[0])

    def _words(self) -> list[str]:
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise InputError(f"the speech command {self.command!r} cannot be read ({error})") from None
        if not words:
            raise InputError("the speech command is empty: piper --output_file {out}, for instance")
        return words

    def _read(self, out: Path, name: str) -> SpokenText:
        from talkinghead.media.audio import probe_audio, read_audio_blocks
        from talkinghead.media.stdin import mend_wav_lengths

        if not out.is_file() or out.stat().st_size == 0:
            raise DependencyError(f"the speech command {name!r} wrote no sound: let it write to {{out}}")
        with out.open("r+b") as file:
            mend_wav_lengths(file)
        rate_hz = probe_audio(out).rate_hz
        return SpokenText(np.concatenate(list(read_audio_blocks(out, rate_hz))), rate_hz)
