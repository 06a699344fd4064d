"""Import every module of the installed packages: what a wheel forgot to bring shows here, not in a user's hands."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path

# What comes with some builds of PyTorch alone, and what is large and for an extra of its own: modules that need it are
# imported where it is.
NOT_EVERYWHERE = {"triton", "aiortc", "av"}

count = 0
for name in ("talkinghead", "audio2motion"):
    package = importlib.import_module(name)
    place = Path(str(package.__file__)).resolve()
    if Path(sys.prefix).resolve() not in place.parents:
        sys.exit(f"{name} was imported from {place}, not from the environment {sys.prefix}")
    for module in pkgutil.walk_packages(package.__path__, f"{name}."):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as error:
                if error.name not in NOT_EVERYWHERE:
                    raise
            else:
                count += 1
print(f"{count} modules imported from {sys.prefix}")
