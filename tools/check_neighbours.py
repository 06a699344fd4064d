"""Check that talkinghead installs beside other programs' packages, on the Python that runs this.

    python tools/check_neighbours.py [NAME ...] [-c CONSTRAINTS] [--timeout SECONDS]

Asks pip to resolve this checkout together with each NAME (by default: voice agents and a speech engine that people put
a face on), or with several of its own extras at once (`'[livekit,pipecat,tts]'`), as if nothing were installed, without
installing anything, and says in a line each whether it can be done;
the exit code is 1 where one cannot. Pip reads the packages' metadata alone where the index serves them apart, and
downloads whole packages, PyTorch among them, where it does not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Everything that a voice agent may want of us at once, and the packages of others.
NEIGHBOURS = ("[livekit,pipecat,serve,app,tts]", "pipecat-ai", "livekit-agents", "kokoro-onnx")
# What such conflicts are usually about.
TOLD = ("numpy", "onnxruntime", "protobuf", "soundfile", "soxr", "pillow", "transformers", "livekit-agents",
        "pipecat-ai", "gradio")  # fmt: skip


def normalized(name: str) -> str:
    """A package's name as indices compare it."""
    return name.lower().replace("_", "-").replace(".", "-")


def resolved(report: Path) -> dict[str, str]:
    """Versions by name, from pip's installation report."""
    items = json.loads(report.read_text("utf-8"))["install"]
    return {normalized(item["metadata"]["name"]): item["metadata"]["version"] for item in items}


def reason(said: str) -> str:
    """What pip gives as the cause, in one line: the requirements that exclude each other, else its last word."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if "The conflict is caused by:" in lines:
        begin = lines.index("The conflict is caused by:") + 1
        causes = [line for line in lines[begin:] if " depends on " in line or " requested " in line]
        return "; ".join(causes[:4])
    return next(
        (line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "pip said nothing"
    )


def check(name: str, constraints: Path | None, timeout_s: float) -> tuple[bool, str]:
    """Whether this checkout and `name` can be installed together, and a line about it."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        words = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-input",
                 "--disable-pip-version-check", "--report", str(report)]  # fmt: skip
        words += ["-c", str(constraints)] if constraints else []
        words += [f"{ROOT}{name}"] if name.startswith("[") else [str(ROOT), name]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=timeout_s, check=False)
        except subprocess.TimeoutExpired:
            return False, f"{name}: pip did not settle within {timeout_s:.0f} s"
        if done.returncode != 0:
            return False, f"{name}: does not resolve: {reason(done.stdout + done.stderr)}"
        versions = resolved(report)
    told = ", ".join(f"{other} {versions[other]}" for other in TOLD if other in versions)
    took_s = time.monotonic() - begin
    version = "" if name.startswith("[") else f" {versions[normalized(name)]}"
    return True, f"{name}{version}: resolves in {took_s:.0f} s with {told}"


def main() -> int:
    """Check each neighbour; 1 where one cannot be installed beside talkinghead."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"packages [default: {' '.join(NEIGHBOURS)}]")
    parser.add_argument("-c", "--constraint", type=Path, metavar="FILE", help="a constraints file for pip")
    parser.add_argument("--timeout", type=float, default=900, metavar="SECONDS", help="for each package [default: 900]")
    arguments = parser.parse_args()
    good = True
    for name in arguments.names or NEIGHBOURS:
        resolves, line = check(name, arguments.constraint, arguments.timeout)
        print(line, flush=True)
        good = good and resolves
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
