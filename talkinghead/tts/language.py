"""In which language a text is: first by its letters, then, where several languages share those, by common words."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from talkinghead.tts.scripts import SCRIPT_LANGUAGES, script_of

# Words that are common in one language and rare in its neighbours; what two share counts for both.
_WORDS: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the and of to is in that it you for was with are this have from they be at not what how my i we good "
        "morning hello your but his her she he would will can there their were been has do an if or so me by on as",
        "de": "der die das und ist nicht ich ein eine zu mit auf für den dem von wir sie es auch wie guten tag morgen "
        "sich im aber war haben wird hallo du mir mich bin bist sind einen einer noch nur oder wenn nach kann was",
        "fr": "le la les des est et un une je vous nous dans pour pas que qui sur avec ce cette il elle bonjour du au "
        "aux plus mais sont été ont très merci mon ma mes son sa ses c'est j'ai",
        "es": "el la los las de que y es en un una por con para no se su lo como más pero hola buenos días está muy "
        "al del son yo tú qué este esta tengo gracias usted",
        "it": "il lo la gli le di che è un una per con non sono come ma più del della buongiorno questo questa ciao "
        "nel anche ho hai al alla dei si molto grazie",
        "pt-br": "o a os as de que e é um uma para com não em do da no na por mais mas como bom dia você ele ela isso "
        "são está muito obrigado eu meu minha dos das ao",
        "nl": "de het een en van is dat niet ik je met voor op zijn te we ook maar er goedemorgen hallo deze wat naar "
        "wordt heeft uit nog aan bij kan",
        "sv": "och att det är en ett som på för av jag inte med den till har de om var hej vi du så kan mig god också",
        "da": "og at det er en et som på for af jeg ikke med den til har de om var hej vi du så kan mig god også",
        "nb": "og at det er en et som på for av jeg ikke med den til har de om var hei vi du så kan meg god også",
        "fi": "ja on ei se että hän olen mutta kun niin tämä minä sinä hyvää huomenta mitä ovat oli myös kuin",
        "pl": "i w nie na że się jest to z do jak dzień dobry ja ty ale co po za są tak dla był przez czy",
        "cs": "a je se na že to v s do jak dobrý den já ty ale co za jsou tak pro byl není jsem také nebo",
        "tr": "ve bir bu da de için ile çok ne var değil ben sen günaydın merhaba gibi daha olarak o ama mi",
        "hu": "a az és hogy nem is van egy ez de meg jó reggelt mint csak én te volt már ha ki mi",
        "ro": "și de la în nu că este un o cu pe bună dimineața pentru mai din sunt ce care am ai dar",
        "id": "yang dan di ini itu dengan untuk tidak dari dalam selamat pagi saya anda adalah akan pada ada juga",
        "vi": "và của là có không được một trong cho người này với các đã những tôi bạn xin chào",
    }.items()
}
# Letters that others of the same script do not have.
_LETTERS: dict[str, tuple[str, ...]] = {
    "de": ("ß", "ä", "ü", "ö"), "fr": ("œ", "ç", "ê", "è", "à"), "es": ("ñ", "¿", "¡"), "pt-br": ("ã", "õ"),
    "pl": ("ł", "ą", "ę", "ż", "ś", "ć"), "cs": ("ř", "ů", "ě"), "tr": ("ğ", "ı", "ş", "ü", "ö", "ç"),
    "hu": ("ő", "ű", "ö", "ü"),
    "ro": ("ț", "ș", "ă"), "sv": ("å", "ä", "ö"), "da": ("æ", "ø", "å"), "nb": ("æ", "ø", "å"), "fi": ("ä", "ö"),
    "vi": ("ơ", "ư", "đ", "ạ", "ế"), "uk": ("ї", "є", "ґ", "і"), "be": ("ў",), "sr": ("ђ", "ћ", "џ"), "mk": ("ѓ", "ќ"),
    "kk": ("қ", "ң", "ғ"), "bg": ("ъ",), "ru": ("ы", "э", "ё"), "fa": ("پ", "چ", "ژ", "گ"), "ur": ("ٹ", "ڈ", "ڑ", "ے"),
    "mr": ("ळ",), "ja": ("の", "は", "を", "です"), "as": ("ৰ", "ৱ"),
}  # fmt: skip
ENGLISH_NAMES = {
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt-br": "Portuguese",
    "nl": "Dutch", "sv": "Swedish", "da": "Danish", "nb": "Norwegian", "fi": "Finnish", "pl": "Polish", "cs": "Czech",
    "tr": "Turkish", "hu": "Hungarian", "ro": "Romanian", "id": "Indonesian", "vi": "Vietnamese", "ru": "Russian",
    "uk": "Ukrainian", "be": "Belarusian", "bg": "Bulgarian", "sr": "Serbian", "mk": "Macedonian", "kk": "Kazakh",
    "el": "Greek", "he": "Hebrew", "ar": "Arabic", "fa": "Persian", "ur": "Urdu", "cmn": "Mandarin", "ja": "Japanese",
    "ko": "Korean", "hi": "Hindi", "mr": "Marathi", "bn": "Bengali", "th": "Thai", "ka": "Georgian", "hy": "Armenian",
}  # fmt: skip
# A letter of its own weighs as much as this many common words.
_LETTER_WEIGHT = 2
_USUAL = "en"


@dataclass(frozen=True)
class Guess:
    """A language's code as espeak-ng has it ("de", "cmn"), and whether the text says so rather than nothing else."""

    language: str
    is_sure: bool

    @property
    def name(self) -> str:
        """In English, for people."""
        return ENGLISH_NAMES.get(self.language, self.language)


def guess_language(text: str) -> Guess:
    """The language of a text; English where it tells nothing."""
    script = script_of(text)
    lowered = text.lower()
    if script is None:
        return Guess(_USUAL, False)
    if script in SCRIPT_LANGUAGES:
        languages = SCRIPT_LANGUAGES[script]
        if script == "CJK" and any("\u3040" <= letter <= "\u30ff" for letter in text):
            return Guess("ja", True)
        points = Counter({language: _letters(lowered, language) for language in languages})
        best, count = max(points.items(), key=lambda item: item[1])
        return Guess(best if count else languages[0], len(languages) == 1 or count > 0)
    words = re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", lowered)
    points = Counter({
        language: sum(word in known for word in words) + _LETTER_WEIGHT * _letters(lowered, language)
        for language, known in _WORDS.items()
    })  # fmt: skip
    best, count = max(points.items(), key=lambda item: item[1])  # the first of equals: English before all
    return Guess(best if count else _USUAL, count > 0)


def _letters(text: str, language: str) -> int:
    """How many of a language's own letters a text has."""
    return sum(letter in text for letter in _LETTERS.get(language, ()))
