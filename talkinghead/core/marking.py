"""How what is made is marked as made: in the file for machines, signed where a certificate is named, and visibly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from talkinghead.core.errors import InputError
from talkinghead.core.options import option

LABEL = "AI-generated"
# A badge, not a caption.
_LONGEST_LABEL = 40


@dataclass(frozen=True, slots=True)
class Marking:
    """How a result is marked.

    - `metadata`: write into the file that it is synthetic, by which software (XMP, a comment), and sign it where a
      certificate is named; False writes nothing of the kind;
    - `label`: draw a visible mark into the frames' upper left corner; other words than the usual, `label_text`, ask for
      one, too;
    - `sign_cert`, `sign_key`: PEM files of a certificate chain and its private key that sign a C2PA manifest, `tsa` the
      address of a time stamping authority; None: those that the environment names (see
      `talkinghead.provenance.signing`), if any.
    """

    metadata: bool = option(
        True, "Write into the file neither that it is synthetic nor a signature.", group="marks", name="no-metadata"
    )
    label: bool = option(False, "Draw a visible mark into the upper left corner.", group="marks")
    label_text: str = option(LABEL, "Draw one that says this.", group="marks", metavar="TEXT")
    sign_cert: Path | None = option(
        None, "Certificate chain (PEM) that signs a C2PA manifest; TALKINGHEAD_C2PA_CERT.", group="marks",
        metavar="FILE", read=Path,
    )  # fmt: skip
    sign_key: Path | None = option(
        None, "Its private key (PEM); TALKINGHEAD_C2PA_KEY.", group="marks", metavar="FILE", read=Path
    )
    tsa: str | None = option(
        None, "Time stamping authority of the signature; TALKINGHEAD_C2PA_TSA.", group="marks", metavar="URL", read=str
    )

    @property
    def visible(self) -> str:
        """What the visible mark says; "" where there is none."""
        return self.label_text if self.label or self.label_text != LABEL else ""

    def __post_init__(self) -> None:
        text = self.label_text.strip()
        if not text or not text.isprintable() or len(text) > _LONGEST_LABEL:
            raise InputError(f"a label has 1 to {_LONGEST_LABEL} printable characters, not {self.label_text!r}")
        for name, value in (("sign_cert", self.sign_cert), ("sign_key", self.sign_key)):
            object.__setattr__(self, name, None if value is None else Path(value))
