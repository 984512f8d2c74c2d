"""Texts that an integration brings along, in the languages of the house."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence or label in English, Indonesian and Simplified Chinese."""

    en: str
    id: str
    zh: str

    def said(self, locale: str) -> str:
        """The text in a locale of the house ("en", "id", "zh_Hans"); English for any other."""
        return {"id": self.id, "zh_Hans": self.zh}.get(locale, self.en)


def same(word: str) -> Text:
    """A name that stays as it is in every language."""
    return Text(word, word, word)
