"""The ways a page is looked at: a language, a width, a scheme of colours."""

from dataclasses import dataclass

WIDE, PHONE = 1280, 390


@dataclass(frozen=True)
class Manner:
    """One way."""

    language: str
    width: int
    scheme: str

    @property
    def name(self) -> str:
        return f"{self.language}-{'phone' if self.width == PHONE else 'wide'}-{self.scheme}"

    def say(self, fr: str, en: str) -> str:
        return fr if self.language == "fr" else en


# Each journey is made in the first two; every page is looked at in the others too.
JOURNEYS = (Manner("fr", WIDE, "light"), Manner("en", PHONE, "dark"))
REST = (Manner("fr", PHONE, "light"), Manner("en", WIDE, "dark"))
