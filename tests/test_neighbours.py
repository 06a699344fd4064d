"""`tools/check_neighbours.py` reads what pip says; asking pip itself needs an index, and is for people to run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.check_neighbours import check, reason, resolved

# pip 23.2 about pipecat-ai 1.14.0 under constraints.txt, shortened.
REFUSED = """\
INFO: pip is looking at multiple versions of pipecat-ai to determine which version is compatible.
ERROR: Cannot install pipecat-ai==1.14.0 because these package versions have conflicting dependencies.

The conflict is caused by:
    pipecat-ai 1.14.0 depends on soundfile~=0.13.1
    The user requested (constraint) soundfile==0.14.0

To fix this you could try to:
1. loosen the range of package versions you've specified
ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/en/latest/topics/dependency-resolution/
"""


def test_the_requirements_that_exclude_each_other_are_named() -> None:
    assert reason(REFUSED) == (
        "pipecat-ai 1.14.0 depends on soundfile~=0.13.1; The user requested (constraint) soundfile==0.14.0"
    )
    assert reason("a\nERROR: No matching distribution found for nobody\n\nnotice\n") == (
        "ERROR: No matching distribution found for nobody"
    )
    assert reason("") == "pip said nothing"


def test_versions_are_read_from_pips_report(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    items = [{"metadata": {"name": name, "version": version}} for name, version in
             (("Pillow_Heif", "1.8.1"), ("numpy", "2.4.6"))]  # fmt: skip
    report.write_text(json.dumps({"install": items}))
    assert resolved(report) == {"pillow-heif": "1.8.1", "numpy": "2.4.6"}


def test_what_cannot_be_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an index nothing can be: pip itself says so."""
    for name, value in (("PIP_NO_INDEX", "1"), ("PIP_CONFIG_FILE", "/dev/null"), ("PIP_FIND_LINKS", "")):
        monkeypatch.setenv(name, value)
    resolves, line = check("talkinghead-neighbour", None, 100)
    assert not resolves
    assert line.startswith("talkinghead-neighbour: does not resolve: ERROR")
