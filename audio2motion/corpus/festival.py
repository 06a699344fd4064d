"""Voices of the festival program: recorded people of nine languages, each with its own phone set.

Debian packages: festvox-kallpc16k, -kdlpc16k, -us-slt-hts, -ca-ona-hts, -czech-{dita,krb,machac,ph},
-suopuhe-{lj,mv}, -italp16k, -itapc16k, -{hi,mr,te}-nsk with festival-{hi,mr,te}, -ru.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from audio2motion.corpus.espeak import Floats, Speech
from audio2motion.errors import Audio2MotionError
from audio2motion.phones import Phone

_ROOT = Path("/usr/share/festival")
_TIMEOUT_S = 120
SILENCES = frozenset({"pau", "#", "##", "h#", "brth", "sil"})


def _table(pairs: str, *same: str) -> dict[str, str]:
    """ "tS tʃ, J ɲ" and names that are IPA already."""
    given = dict(pair.split() for pair in pairs.split(","))
    return {name: name for part in same for name in part.split()} | given


# CMU's phone set, as flite and festival's English voices print it.
CMU = _table(
    "aa ɑ, ae æ, ah ʌ, ao ɔ, aw aʊ, ax ə, ay aɪ, ch tʃ, dh ð, eh ɛ, er ɝ, ey eɪ, g ɡ, hh h, hv h, ih ɪ, iy i, jh dʒ,"
    "ng ŋ, ow oʊ, oy ɔɪ, r ɹ, sh ʃ, th θ, uh ʊ, uw u, y j, zh ʒ, axr ɚ, el əl, em m, en n, nx n, dx ɾ",
    "b d f k l m n p s t v w z",
)
_CATALAN = _table(
    "B β, ax ə, a1 a, e1 e, E ɛ, E1 ɛ, i1 i, o1 o, O ɔ, O1 ɔ, u1 u, g ɡ, J ɲ, L ʎ, r ɾ, rr r, S ʃ, Z ʒ",
    "a e i o u b d f j k l m n p s t w z",
)
_CZECH = _table(
    "_ ʔ, a: aː, c ts, c~ tʃ, ch x, d~ ɟ, dz~ dʒ, e ɛ, e: ɛː, g ɡ, h ɦ, i ɪ, i: iː, n* ŋ, n~ ɲ, o: oː, r~ r̝, r~* r̝̊,"
    "s~ ʃ, t~ c, u: uː, z~ ʒ",
    "a o u b d dz f j k l m n p r s t v z",
)
_FINNISH = _table("@ æ, 7 ø, & ə, g ɡ, T θ, D ð, S ʃ, Z ʒ, v ʋ, N ŋ, L l", "a e i o u y p t k b d f s z h m n l r j w")
_FINNISH |= {f"{name}:": f"{ipa}ː" for name, ipa in _FINNISH.items()}
_ITALIAN = _table(
    "E ɛ, O ɔ, i1 i, e1 e, E1 ɛ, a1 a, o1 o, O1 ɔ, u1 u, g ɡ, S ʃ, Z ʒ, tS tʃ, dZ dʒ, J ɲ, ng ŋ, nf ɱ, L ʎ",
    "i e a o u j w p t k b d f s v z ts dz m n l r",
)
# The Hindi, Marathi and Telugu voices share one set; th and dh are dental stops, t'h is "T h".
_INDIC = _table(
    "a ʌ, aa aː, ih ɪ, iy iː, uh ʊ, uw uː, eh e, ee eː, ay aɪ, oh o, oo oː, aw aʊ, @ ə, g ɡ, ch tʃ, T ʈ, D ɖ, N ɳ,"
    "th t, dh d, y j, r ɾ, v ʋ, L ɭ, R ɽ, sh ʃ, j dʒ, ksh kʂ, sri ʃri, x h, kh kʰ, gh ɡʰ, td t, tth tʰ, ddh dʰ, bh bʰ,"
    "zh ɻ",
    "f k n p b m l s h w",
)
_RUSSIAN = _table(
    "ii i, yy ɨ, uu u, ee e, oo o, aa a, a ɐ, i ɪ, y ɨ, ae ə, ay ə, ur ʊ, g ɡ, c ts, ch tɕ, sh ʂ, sch ɕː, zh ʐ, h x,"
    "pp pʲ, bb bʲ, tt tʲ, dd dʲ, kk kʲ, gg ɡʲ, ff fʲ, vv vʲ, ss sʲ, zz zʲ, hh xʲ, mm mʲ, nn nʲ, ll lʲ, rr rʲ",
    "e u p b t d k f v s z m n l r j",
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the voices of one language have in common; they need all of `files`."""

    language: str
    phones: dict[str, str]
    encoding: str
    voices: tuple[str, ...]
    files: str = ""


KINDS = (
    _Kind("en-us", CMU, "ascii", ("english/kal_diphone", "english/ked_diphone", "us/cmu_us_slt_arctic_hts")),
    _Kind("ca", _CATALAN, "iso-8859-15", ("catalan/upc_ca_ona_hts",), "upc_catalan"),
    _Kind("cs", _CZECH, "iso-8859-2", tuple(f"czech/czech_{name}" for name in ("dita", "krb", "machac", "ph"))),
    _Kind("fi", _FINNISH, "iso-8859-1", ("finnish/hy_fi_mv_diphone", "finnish/suo_fi_lj_diphone")),
    _Kind("it", _ITALIAN, "iso-8859-1", ("italian/lp_diphone", "italian/pc_diphone"), "italian_scm"),
    _Kind("hi", _INDIC, "utf-8", ("hindi/hindi_NSK_diphone",), "hindi_scm"),
    _Kind("mr", _INDIC, "utf-8", ("marathi/marathi_NSK_diphone",), "marathi_scm"),
    _Kind("te", _INDIC, "utf-8", ("telugu/telugu_NSK_diphone",), "telugu_scm"),
    _Kind("ru", _RUSSIAN, "utf-8", ("russian/msu_ru_nsh_clunits",)),
)
KIND_OF = {kind.language: kind for kind in KINDS}

# Diphone voices take a pitch, HTS voices (whose rate is an option of their engine) and the Russian voice do not; the
# Russian voice, cut from whole words, keeps its tempo too.
_SCRIPT = """(voice_{voice})
(Parameter.set 'Duration_Stretch (* {stretch:.3f} (Parameter.get 'Duration_Stretch)))
(define (scale_pitch utt)
  (mapcar (lambda (target) (item.set_feat target "f0" (* {pitch:.3f} (item.feat target "f0"))))
    (utt.relation.leafs utt 'Target))
  utt)
(if (string-equal (Parameter.get 'Synth_Method) "UniSyn")
  (set! UniSyn_module_hooks (cons scale_pitch (if (symbol-bound? 'UniSyn_module_hooks) UniSyn_module_hooks nil))))
(if (string-equal (Parameter.get 'Synth_Method) "HTS")
  (set! hts_engine_params (append hts_engine_params (list (list "-r" {tempo:.3f})))))
(set! u (Utterance Text "{text}"))
(utt.synth u)
(utt.save.segs u "{segments}")
(utt.save.wave u "{wave}" 'riff)
"""


@dataclass(frozen=True, slots=True)
class FestivalVoice:
    """A voice of the festival program."""

    voice: str
    language: str = "en-us"

    @property
    def name(self) -> str:
        return f"festival:{self.voice}"

    def speak(self, text: str, tempo: float, pitch: float) -> Speech:
        kind = KIND_OF[self.language]
        with tempfile.TemporaryDirectory() as folder:
            wave, segments, script = (Path(folder) / f"speech.{end}" for end in ("wav", "seg", "scm"))
            quoted = text.replace("\\", " ").replace('"', " ")
            commands = _SCRIPT.format(
                voice=self.voice, stretch=1 / tempo, tempo=tempo, pitch=pitch, text=quoted,
                segments=segments, wave=wave,
            )  # fmt: skip
            script.write_bytes(commands.encode(kind.encoding, "ignore"))
            run_engine(["festival", "-b", str(script)])
            if not (wave.exists() and segments.exists()):
                raise Audio2MotionError(f"{self.name} cannot read {text[:40]!r}")
            rows = [line.split() for line in segments.read_text("latin-1").splitlines()]
            ends = [(row[2], float(row[0])) for row in rows if len(row) == 3]
            if self.language == "ca":
                ends = lenited(ends)
            speech = read_speech(wave, ends, kind.phones)
            return replace(speech, samples=repaired(speech.samples, speech.rate_hz))


def repaired(samples: Floats, rate_hz: int) -> Floats:
    """Diphone voices overflow 16 bits at some peaks: put what came out at the other end back where it belongs."""
    repaired: Floats = samples.copy()
    steps = np.diff(samples)
    jumps = np.flatnonzero(np.abs(steps) > 1)
    i = 0
    while i + 1 < len(jumps):
        start, end = jumps[i] + 1, jumps[i + 1] + 1
        away = np.float32(2 * np.sign(steps[jumps[i]]))
        if end - start < 0.002 * rate_hz and steps[jumps[i]] * steps[jumps[i + 1]] < 0:
            repaired[start:end] -= away
            i += 1
        i += 1
    return repaired


def lenited(ends: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Catalan's b is two sounds: the lips close after a pause, a nasal or a stop, otherwise they only near."""
    before = ["pau", *(name for name, _ in ends)]
    closing = SILENCES | set("mnbdgptk")
    return [(name if name != "b" or last in closing else "B", end) for last, (name, end) in zip(before, ends)]


def run_engine(command: list[str]) -> str:
    """What the program prints."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise Audio2MotionError(f"{command[0]} took more than {_TIMEOUT_S} s for one text") from None
    if done.returncode != 0:
        reason = done.stderr.decode("utf-8", "replace").strip()[:200]
        raise Audio2MotionError(f"{command[0]} failed: {reason or done.returncode}")
    return done.stdout.decode("utf-8", "replace")


def read_speech(wave: Path, ends: list[tuple[str, float]], table: dict[str, str]) -> Speech:
    """The wave file with phones from their names and end times; a phone that is not in the table is an error."""
    import soundfile

    samples, rate_hz = soundfile.read(wave, dtype="float32")
    phones: list[Phone] = []
    start_s = 0.0
    for name, end_s in ends:
        if name not in SILENCES:
            if name not in table:
                raise Audio2MotionError(f"the phone {name!r} is in no table")
            phones.append((table[name], start_s, max(end_s, start_s)))
        start_s = end_s
    return Speech(samples, int(rate_hz), phones)


def installed_voices() -> list[FestivalVoice]:
    """The voices that are installed here together with all they need."""
    if not shutil.which("festival"):
        return []
    return [
        FestivalVoice(path.split("/")[1], kind.language)
        for kind in KINDS
        for path in kind.voices
        if (_ROOT / "voices" / path).is_dir() and (_ROOT / kind.files).is_dir()
    ]
