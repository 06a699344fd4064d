"""XMP: a packet that says, in IPTC's words, that a picture or video is synthetic, and by which software."""

from __future__ import annotations

import re

from talkinghead import __version__

SOFTWARE = "talkinghead"
_VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
# A photograph or film whose face a trained model has moved.
DIGITAL_SOURCE_TYPE = f"{_VOCABULARY}compositeWithTrainedAlgorithmicMedia"
# Of the vocabulary, what says that no camera, or not a camera alone, has made it.
SYNTHETIC_TYPES = frozenset({
    "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "algorithmicMedia", "compositeSynthetic",
    "virtualRecording", "dataDrivenMedia", "digitalArt", "digitalCreation", "trainedAlgorithmicData",
})  # fmt: skip
_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
   <xmp:CreatorTool>{tool}</xmp:CreatorTool>
   <Iptc4xmpExt:DigitalSourceType>{kind}</Iptc4xmpExt:DigitalSourceType>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""
_TYPE = re.compile(
    r"""DigitalSourceType(?:\s*=\s*["']([^"']+)["']|\s*>\s*([^<\s]+)|\s+rdf:resource=["']([^"']+)["'])"""
)
_TOOL = re.compile(r"""CreatorTool(?:\s*=\s*["']([^"']+)["']|\s*>\s*([^<]+))""")
_ENTITIES = (("lt", "<"), ("gt", ">"), ("quot", '"'), ("apos", "'"), ("amp", "&"))
_URI = re.compile(re.escape(_VOCABULARY).replace("http:", "https?:") + r"(\w+)")


def packet() -> bytes:
    """The packet that everything made here carries; it has no time in it: the same result is the same file."""
    return _PACKET.format(tool=f"{SOFTWARE} {__version__}", kind=DIGITAL_SOURCE_TYPE).encode()


def source_type_in(text: str) -> str | None:
    """The digital source type that an XMP packet states, as it stands there; None where it states none."""
    return _first(_TYPE, text)


def tool_in(text: str) -> str | None:
    """The software that an XMP packet names, or None."""
    return _first(_TOOL, text)


def source_type_of_words(text: str) -> str | None:
    """A digital source type that stands in a comment or tag, or None."""
    found = _URI.search(text)
    return found[0] if found else None


def is_synthetic(source_type: str) -> bool:
    """Whether a digital source type says that it is synthetic, or in part."""
    return source_type.rstrip("/").rpartition("/")[2] in SYNTHETIC_TYPES


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    if found is None:
        return None
    text = next(group for group in found.groups() if group is not None).strip()
    for name, sign in _ENTITIES:
        text = text.replace(f"&{name};", sign)
    return text
