"""C2PA manifests, signed: https://c2pa.org. Needs the extra `provenance`, and a certificate with its key.

The certificate chain and the key are PEM files, named by `Marking` or by the environment variables
TALKINGHEAD_C2PA_CERT, TALKINGHEAD_C2PA_KEY and, for a time stamp, TALKINGHEAD_C2PA_TSA.
"""

from __future__ import annotations

import base64
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkinghead.core.errors import DependencyError, InputError, OutputError
from talkinghead.core.marking import Marking
from talkinghead.core.temporary import expect, settled

if TYPE_CHECKING:
    import c2pa

CERT, KEY, TSA = "TALKINGHEAD_C2PA_CERT", "TALKINGHEAD_C2PA_KEY", "TALKINGHEAD_C2PA_TSA"
INSTALL = "pip install 'talkinghead[provenance]'"
# What is asked of each key until one signs: elliptic curves, Edwards' curve, RSA.
_ALGORITHMS = ("es256", "es384", "es512", "ed25519", "ps256")
# Nothing that is read or written makes this program reach for the network but the time stamp that was asked for.
_SETTINGS = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
    # A film is hashed by the megabyte: as one piece, signing and checking it takes the memory of all of it.
    "core": {
        "backing_store_memory_threshold_in_mb": 16,
        "merkle_tree_chunk_size_in_kb": 1024,
        "merkle_tree_max_proofs": 5,
    },
}
# One grey pixel: what a certificate is tried on before the work begins.
_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)
_TRIAL = {"assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [{
    "action": "c2pa.created", "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCreation"
}]}}]}  # fmt: skip


@dataclass(frozen=True)
class Credentials:
    """A certificate chain and its private key, PEM; `tsa`: the address of a time stamping authority."""

    certificates: bytes
    key: bytes
    tsa: str | None
    algorithm: str


def import_c2pa() -> Any:
    """The module `c2pa`.

    Raises:
        DependencyError: it is not installed, or does not load here.
    """
    try:
        import c2pa
    except ImportError:
        raise DependencyError(f"C2PA manifests need the package c2pa-python: {INSTALL}") from None
    except OSError as error:
        raise DependencyError(f"the package c2pa-python does not load here ({error}): install it anew") from None
    return c2pa


def context() -> Any:
    """What `c2pa` reads and writes with."""
    return import_c2pa().Context.from_dict(_SETTINGS)


def is_configured(marking: Marking) -> bool:
    """Whether results are to be signed.

    Raises:
        InputError: a certificate is named without its key, or a key without its certificate.
    """
    cert, key = _named(marking)
    if marking.metadata and (cert is None) != (key is None):
        there, missing = ("key", f"--sign-cert or {CERT}") if cert is None else ("certificate", f"--sign-key or {KEY}")
        raise InputError(f"a signature needs a certificate and its key, and only a {there} is named: name {missing}")
    return marking.metadata and cert is not None


def open_credentials(marking: Marking) -> Credentials:
    """The certificate and key that are named, tried by signing one pixel, which the time stamping authority stamps.

    Raises:
        InputError: a file cannot be read, or does not sign: another key, an expired certificate, one not for this.
        DependencyError: `c2pa` is not installed.
    """
    import_c2pa()
    cert, key = _named(marking)
    assert cert is not None
    assert key is not None
    tsa = marking.tsa or os.environ.get(TSA) or None
    chain, secret = _read(cert, "certificate"), _read(key, "key")
    reasons = []
    for algorithm in _ALGORITHMS:
        given = Credentials(chain, secret, tsa, algorithm)
        reason = _tried(given)
        if reason is None:
            return given
        reasons.append(reason)
    # Of an algorithm that is not this key's, only that is said.
    told = [reason for reason in reasons if "invalid signing credentials" not in reason] or reasons
    raise InputError(
        f"{cert} and {key} do not sign ({told[0]}): name a certificate chain that may sign today, and its key"
    )


def check_signing(marking: Marking, suffix: str, name: str) -> None:
    """Whether a result of this `suffix` can be signed, where it is to be: asked before the work; `name` is the file's.

    Raises:
        OutputError: this kind of file carries no manifest.
        InputError, DependencyError: as `open_credentials`.
    """
    if not is_configured(marking):
        return
    if suffix.lower().removeprefix(".") not in import_c2pa().Builder.get_supported_mime_types():
        raise OutputError(
            f"{name} cannot carry a C2PA manifest: name a .mp4, .mov, .gif, .png or .jpg, or leave the signature out "
            "(--no-metadata)"
        )
    open_credentials(marking)


def sign_in_place(path: Path, suffix: str, manifest: dict[str, object], ingredients: list[Ingredient],
                  credentials: Credentials) -> None:  # fmt: skip
    """Sign the file `path`, of the kind of `suffix`: it is replaced once its signed copy is whole.

    Raises:
        OutputError: it does not succeed; the file is then as it was.
    """
    module = import_c2pa()
    signed = path.with_name(f"{path.name}.signed")
    expect(signed)
    try:
        builder = module.Builder(manifest, context=context())
        for one in ingredients:
            with one.path.open("rb") as file:
                builder.add_ingredient(one.described, one.format, file)
        with path.open("rb") as source, signed.open("w+b") as target:
            builder.sign(_signer(module, credentials), suffix.removeprefix("."), source, target)
        signed.replace(path)
    except module.C2paError as error:
        raise OutputError(_reason(error)) from None
    finally:
        signed.unlink(missing_ok=True)
        settled(signed)


@dataclass(frozen=True)
class Ingredient:
    """A file that a result was made of: its `format` as `c2pa` names it, and what the manifest says of it."""

    path: Path
    format: str
    described: dict[str, object]

    def fits(self) -> bool:
        """Whether `c2pa` can read it: what is damaged is no ingredient."""
        module = import_c2pa()
        try:
            with self.path.open("rb") as file:
                module.Builder(_TRIAL, context=context()).add_ingredient(self.described, self.format, file)
        except (module.C2paError, OSError):
            return False
        return True


def _tried(credentials: Credentials) -> str | None:
    """Why these do not sign, or None where they do."""
    module = import_c2pa()
    try:
        builder = module.Builder(_TRIAL, context=context())
        builder.sign(_signer(module, credentials), "image/png", io.BytesIO(_PIXEL), io.BytesIO())
    except module.C2paError as error:
        return _reason(error)
    return None


def _signer(module: Any, credentials: Credentials) -> c2pa.Signer:
    info = module.C2paSignerInfo(credentials.algorithm, credentials.certificates, credentials.key, credentials.tsa)
    return module.Signer.from_info(info)


def _reason(error: Exception) -> str:
    """What went wrong in one line, without the name of the kind of error that stands before it."""
    said = " ".join(str(error).split())
    kind, colon, rest = said.partition(": ")
    return rest if colon and kind.isalnum() else said


def _named(marking: Marking) -> tuple[Path | None, Path | None]:
    cert, key = os.environ.get(CERT), os.environ.get(KEY)
    return marking.sign_cert or (Path(cert) if cert else None), marking.sign_key or (Path(key) if key else None)


def _read(path: Path, what: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"the {what} {path} cannot be read ({error.strerror}): name a PEM file") from None
    if b"-----BEGIN " not in data:
        raise InputError(f"{path} is no {what} in PEM: its first line would be -----BEGIN ...-----")
    return data
