"""What a C2PA manifest says, and whether file and signature still belong together."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talkinghead.core.errors import InputError
from talkinghead.provenance.making import media_type
from talkinghead.provenance.signing import context, import_c2pa

# That nobody's list names the signer says nothing of the file: it is told apart.
_UNTRUSTED = "signingCredential.untrusted"


@dataclass(frozen=True)
class ManifestIngredient:
    """A file that another was made of: its name, how it went in, and whether it had a manifest of its own."""

    title: str
    relationship: str
    has_manifest: bool


@dataclass(frozen=True)
class Manifest:
    """A C2PA manifest.

    - `state`: "Valid" (the file is as it was signed), "Trusted" (and the signer is on a list of trusted ones), or
      "Invalid"; `problems`: C2PA's codes of what is wrong;
    - `signer`, `signed_at`: who signed it and when, as far as that is told; `generator`: the software;
    - `actions`: what was done, `source_types`: IPTC's words for it; `ingredients`: what it was made of.
    """

    state: str
    problems: tuple[str, ...]
    signer: str
    signed_at: str | None
    generator: str
    actions: tuple[str, ...]
    source_types: tuple[str, ...]
    ingredients: tuple[ManifestIngredient, ...]


def read_manifest(path: Path) -> Manifest | None:
    """The manifest embedded in the file `path`; None where there is none, or where such a file cannot have one.

    Raises:
        DependencyError: `c2pa` is not installed.
        InputError: there is one, and it cannot be read.
    """
    module = import_c2pa()
    kind = media_type(path)
    if kind is None:
        return None
    try:
        with path.open("rb") as file:
            reader = module.Reader.try_create(kind, file, context=context())
            if reader is None:
                return None
            with reader:
                store: dict[str, Any] = json.loads(reader.json())
    except module.C2paError as error:
        raise InputError(f"the C2PA manifest in {path} cannot be read ({' '.join(str(error).split())})") from None
    return _manifest(store)


def _manifest(store: dict[str, Any]) -> Manifest | None:
    active = store.get("manifests", {}).get(store.get("active_manifest", ""))
    if active is None:
        return None
    actions = [action for assertion in active.get("assertions", ()) if assertion["label"].startswith("c2pa.actions")
               for action in assertion["data"].get("actions", ())]  # fmt: skip
    failures = store.get("validation_results", {}).get("activeManifest", {}).get("failure", ())
    signature = active.get("signature_info") or {}
    agents = active.get("claim_generator_info") or [{"name": active.get("claim_generator", "")}]
    named = [word for word in (agents[0].get("name"), agents[0].get("version")) if word]
    return Manifest(
        state=store.get("validation_state", "Invalid"),
        problems=tuple(dict.fromkeys(one["code"] for one in failures if one["code"] != _UNTRUSTED)),
        signer=" / ".join(word for word in (signature.get("common_name"), signature.get("issuer")) if word),
        signed_at=signature.get("time"),
        generator=" ".join(named),
        actions=tuple(str(action.get("action", "")) for action in actions),
        source_types=tuple(dict.fromkeys(
            str(action["digitalSourceType"]) for action in actions if action.get("digitalSourceType")
        )),
        ingredients=tuple(
            ManifestIngredient(str(one.get("title", "")), str(one.get("relationship", "")), "active_manifest" in one)
            for one in active.get("ingredients", ())
        ),
    )  # fmt: skip
