"""What is written of one result: that it is synthetic, and, where it is signed, what it was made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from talkinghead import __version__
from talkinghead.core.errors import TalkingHeadError
from talkinghead.core.marking import Marking
from talkinghead.provenance.xmp import DIGITAL_SOURCE_TYPE, SOFTWARE, packet

if TYPE_CHECKING:
    from talkinghead.provenance.signing import Ingredient

Role = Literal["source", "sound", "driving"]
_AGENT = {"name": SOFTWARE, "version": __version__}
_MAGIC = (
    (b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"), (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"), (b"ID3", "audio/mpeg"), (b"\xff\xfb", "audio/mpeg"), (b"\xff\xf3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
)  # fmt: skip
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/avi"}
_BRANDS = {b"qt  ": "video/quicktime", b"heic": "image/heic", b"mif1": "image/heif", b"avif": "image/avif",
           b"M4A ": "audio/mp4", b"M4V ": "video/x-m4v"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """A file that went into a result: the `source` whose face moves, the `sound`, what is `driving` it."""

    path: Path
    role: Role


@dataclass(frozen=True, slots=True)
class Making:
    """How a result came about, and how it is to be marked.

    `edits`: it is the source itself, changed (a picture of a picture, a video of a video), and not something new.
    """

    marking: Marking = field(default_factory=Marking)
    made_from: tuple[MadeFrom, ...] = ()
    edits: bool = False

    @property
    def packet(self) -> bytes:
        """The XMP packet; empty where nothing is to be written."""
        return packet() if self.marking.metadata else b""

    def comment(self, words: str) -> str:
        """A comment for people, with IPTC's word for machines; empty where nothing is to be written."""
        return f"{words} {DIGITAL_SOURCE_TYPE}" if words and self.marking.metadata else ""

    def check(self, suffix: str, name: str) -> None:
        """Whether a result of this `suffix` (".mp4"; "" for what is no file) can be signed, where it is to be.

        Raises:
            OutputError: it cannot carry a signature; `name` is what messages call it.
            InputError: the certificate or its key are not of use.
            DependencyError: `c2pa` is not installed.
        """
        from talkinghead.provenance.signing import check_signing, is_configured

        if is_configured(self.marking):
            check_signing(self.marking, suffix, name)

    def sign(self, path: Path, suffix: str, title: str) -> str | None:
        """Sign a finished file where that is configured; why it could not be, in which case the file stays unsigned."""
        from talkinghead.provenance import signing

        try:
            if signing.is_configured(self.marking):
                manifest, ingredients = self._manifest(title, has_sound=suffix != ".gif")
                credentials = signing.open_credentials(self.marking)
                signing.sign_in_place(path, suffix, manifest, ingredients, credentials)
        except TalkingHeadError as error:
            return str(error)
        return None

    def _manifest(self, title: str, has_sound: bool) -> tuple[dict[str, object], list[Ingredient]]:
        """The manifest's definition and its ingredients."""
        ingredients = self._ingredients(has_sound)
        labels: dict[object, list[object]] = {}
        for one in ingredients:
            labels.setdefault(one.described["relationship"], []).append(one.described["label"])
        parents, placed, inputs = (labels.get(kind, []) for kind in ("parentOf", "componentOf", "inputTo"))
        actions = [{"action": "c2pa.opened", "parameters": {"ingredientIds": parents}}] if parents else []
        done: dict[str, object] = {
            "action": "c2pa.edited" if parents else "c2pa.created",
            "digitalSourceType": DIGITAL_SOURCE_TYPE,
            "softwareAgent": _AGENT,
            **({"parameters": {"ingredientIds": inputs}} if inputs else {}),
        }
        more = [{"action": "c2pa.placed", "parameters": {"ingredientIds": placed}}] if placed else []
        manifest: dict[str, object] = {
            "claim_generator_info": [_AGENT],
            "title": title,
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [*actions, done, *more]}}],
        }
        return manifest, ingredients

    def _relationship(self, role: Role, has_sound: bool) -> str:
        if role == "source":
            return "parentOf" if self.edits else "componentOf"
        return "componentOf" if role == "sound" and has_sound else "inputTo"

    def _ingredients(self, has_sound: bool) -> list[Ingredient]:
        from talkinghead.provenance.signing import Ingredient

        found: dict[Path, Ingredient] = {}
        for number, given in enumerate(self.made_from):
            kind = media_type(given.path)
            if kind is None or given.path in found:
                continue
            relationship = self._relationship(given.role, has_sound)
            label = f"{given.role}{number}"
            described: dict[str, object] = {
                "title": given.path.name, "relationship": relationship, "label": label, "instance_id": label
            }  # fmt: skip
            one = Ingredient(given.path, kind, described)
            if one.fits():
                found[given.path] = one
        return list(found.values())


def media_type(path: Path) -> str | None:
    """What a file is, by its first bytes, as far as it may carry a C2PA manifest; else None."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return None
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)
