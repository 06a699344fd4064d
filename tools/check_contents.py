"""`python tools/check_contents.py DIST`: do the wheel and the sdist there hold what the repository holds, and no more?

Also: is every link in the description that a package index shows an absolute one?
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

CODE = ("talkinghead", "audio2motion")
# Under which name the wheel carries what lies elsewhere in the repository (pyproject.toml: force-include).
MOVED = {
    "checkpoints/": "talkinghead/_checkpoints/",
    "examples/grace_hopper.jpg": "talkinghead/_examples/grace_hopper.jpg",
    "examples/speech.wav": "talkinghead/_examples/speech.wav",
}
ALSO_IN_SDIST = ("README.md", "LICENSE", "CHANGELOG.md", "constraints.txt", "pyproject.toml", "Makefile")
FOLDERS_IN_SDIST = ("examples/", "tests/", "benchmarks/", "docs/", "tools/")


def tracked(*paths: str) -> set[str]:
    """The files under `paths` that git knows."""
    listed = subprocess.run(["git", "ls-files", "-z", "--", *paths], check=True, capture_output=True, text=True)
    return set(filter(None, listed.stdout.split("\0")))


def compare(what: str, wanted: set[str], found: set[str]) -> list[str]:
    missing = [f"{what} lacks {name}" for name in sorted(wanted - found)]
    return missing + [f"{what} holds {name}, which git does not know" for name in sorted(found - wanted)]


def relative_links(text: str) -> Iterable[str]:
    return re.findall(r"\]\((?!https?:|#)([^)\s]+)\)", text)


def main(dist: Path) -> list[str]:
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        description = archive.read(metadata).decode()
    wanted = tracked(*CODE)
    for here, there in MOVED.items():
        wanted |= {there + name.removeprefix(here) for name in tracked(here)}
    faults = compare(wheel.name, wanted, names)
    faults += [f"{wheel.name}: the description links to {link}" for link in relative_links(description)]

    with tarfile.open(sdist) as archive:
        files = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    for name in sorted(tracked(*CODE, *MOVED, *ALSO_IN_SDIST, *FOLDERS_IN_SDIST) - files):
        faults.append(f"{sdist.name} lacks {name}")
    if not faults:
        print(f"{wheel.name}: {len(names)} files, {wheel.stat().st_size / 1e6:.1f} MB")
        print(f"{sdist.name}: {len(files)} files, {sdist.stat().st_size / 1e6:.1f} MB")
    return faults


if __name__ == "__main__":
    if faults := main(Path(sys.argv[1])):
        sys.exit("\n".join(faults))
