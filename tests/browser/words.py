"""The words of the portal in one language, so that a test names a sentence once and finds it in each."""

from __future__ import annotations

from typing import Any

from babel.support import NullTranslations, Translations

from portal import integrations
from portal.kit.embedded import ROOT


class Words:
    """What stands on the screen in `locale`: the portal's own sentences, and the labels of an integration."""

    def __init__(self, locale: str) -> None:
        self.locale = locale
        self._catalogue: NullTranslations = Translations.load(ROOT / "translations", [locale])

    def say(self, sentence: str, /, **values: Any) -> str:
        """A sentence with its named places filled."""
        said = self._catalogue.gettext(sentence)
        return said % values if values else said

    def count(self, one: str, many: str, number: int, /, **values: Any) -> str:
        """A sentence about a number of things."""
        return self._catalogue.ngettext(one, many, number) % {"num": number, **values}

    def setting(self, integration: str, key: str) -> str:
        """The label of a declared setting."""
        declared = integrations.get(integration).settings
        return next(each.label.said(self.locale) for each in declared if each.key == key)

    def option(self, integration: str, key: str) -> str:
        """The label of a declared option."""
        declared = integrations.get(integration).options
        return next(each.label.said(self.locale) for each in declared if each.key == key)

    def guide(self, integration: str) -> list[str]:
        """The titles of the steps that stand before the form."""
        return [step.title.said(self.locale) for step in integrations.get(integration).guide]
