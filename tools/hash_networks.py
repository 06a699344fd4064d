"""Write the embedded networks' hashes into checkpoints/registry.json, by which `talkinghead doctor` knows them.

python tools/hash_networks.py
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from talkinghead.checkpoints.verify import hash_file

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"


def hashed(text: str, folder: Path) -> str:
    """`text`, a registry, with the sha256 of the files in `folder` that its "networks" name."""
    for name, old in json.loads(text)["networks"].items():
        new = hash_file(folder / name)
        text = re.sub(f'("{re.escape(name)}": "){old}"', rf'\g<1>{new}"', text)
    return text


if __name__ == "__main__":
    registry = CHECKPOINTS / "registry.json"
    registry.write_text(hashed(registry.read_text("utf-8"), CHECKPOINTS), "utf-8")
