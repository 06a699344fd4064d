"""Feed readers with damage and say which break the law of `tests/fuzz/law.py`.

python tools/fuzz.py all --cases 10000             hypothesis, each reader (those that start ffmpeg take longest)
python tools/fuzz.py npz template --cases 300      two of them, or a group: motion, texts, sound, ...
python tools/fuzz.py npz --seconds 60              coverage-guided, by atheris (pip install atheris; one reader)

The files that break it are written into the folder `--keep`, one for each place. The exit code is 1 where any does.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import resource
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
# Nothing here computes for long: threads of their own would only take the machine from others.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A config may name a network to be fetched: damage to the name is to fetch nothing.
os.environ["HF_HUB_OFFLINE"] = "1"
_ADDRESSES = 12 << 30
# What atheris watches: the project, and the standard library's readers that are Python.
_GUIDED = ["talkinghead", "audio2motion", "csv", "json", "pickle", "zipfile", "xml", "wave"]


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readers", nargs="+")
    parser.add_argument("--cases", type=int, default=300, help="of each cheap reader")
    parser.add_argument("--even", action="store_true", help="as many of a dear one, too")
    parser.add_argument("--seconds", type=int, help="let atheris look for new paths for so long")
    parser.add_argument("--seed", type=int, help="of hypothesis: the same cases again")
    parser.add_argument("--keep", type=Path, help="a folder for the files that break the law")
    asked = parser.parse_args()
    # Damage that asks for memory is to be refused, not to take the machine down.
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder, "tmp")
        temporary.mkdir()
        tempfile.tempdir = os.environ["TMPDIR"] = str(temporary)
        return _guided(asked, Path(folder)) if asked.seconds else _run(asked, Path(folder))


def _run(asked: argparse.Namespace, folder: Path) -> int:
    from tests.fuzz.law import Fault, Law, faults
    from tests.fuzz.table import READERS

    chosen = [reader for reader in READERS if {"all", reader.name, reader.group} & set(asked.readers)]
    if not chosen:
        sys.exit(f"there is no such reader: choose among {', '.join(reader.name for reader in READERS)}")
    law, found, count = Law(folder), list[Fault](), 0
    for reader in chosen:
        missing = [name for name in reader.needs if importlib.util.find_spec(name) is None]
        if missing:
            print(f"{reader.name}: left out, it needs {missing[0]}")
            continue
        reader.seeds()  # made before anything is measured
        number = asked.cases if asked.even else max(1, asked.cases // reader.cost)
        new = faults(reader, law, number, asked.seed)
        print(f"{reader.name}: {number} cases, {len(new)} faults", flush=True)
        found, count = found + new, count + number
    for number, fault in enumerate(found):
        print(f"\n{fault.reader}, {len(fault.data)} bytes: {fault.what}")
        if asked.keep:
            asked.keep.mkdir(parents=True, exist_ok=True)
            (asked.keep / f"{fault.reader}-{number}").write_bytes(fault.data)
    print(f"{count} cases, {len(found)} faults")
    return 1 if found else 0


def _guided(asked: argparse.Namespace, folder: Path) -> int:
    """Atheris' own loop, which ends the process itself; faults are said and kept as they are found."""
    import atheris

    [name] = asked.readers
    with atheris.instrument_imports(include=_GUIDED):
        from tests.fuzz.law import Law, where
        from tests.fuzz.table import BY_NAME

        reader, law = BY_NAME[name], Law(folder)
        corpus = folder / "corpus"
        corpus.mkdir()
        for number, data in enumerate(reader.seeds()):
            (corpus / str(number)).write_bytes(data)
            law.hold(reader, data)  # readers import what they need when they need it
    found, count = set[str](), 0

    def one(data: bytes) -> None:
        nonlocal count
        count += 1
        try:
            law.hold(reader, data)
        except Exception as error:
            if (place := where(error)) not in found:
                print(f"{name}: {place}: {str(error)[:300]}", flush=True)
                if asked.keep:
                    asked.keep.mkdir(parents=True, exist_ok=True)
                    (asked.keep / f"{name}-{len(found)}").write_bytes(data)
            found.add(place)

    # Its loop ends with _exit: what is said at the end is said by a thread of ours before that.
    threading.Timer(asked.seconds, lambda: print(f"{name}: {count} cases, {len(found)} faults", flush=True)).start()
    limits = [f"-max_total_time={asked.seconds + 2}", "-timeout=60", "-rss_limit_mb=8000", "-max_len=20000"]
    atheris.Setup([sys.argv[0], str(corpus), *limits, "-print_final_stats=1"], one)
    atheris.Fuzz()
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
