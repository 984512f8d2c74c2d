"""Keep the translations in step with the texts of the portal.

    python tools/translations.py            collect new texts into every language's file
    python tools/translations.py --compile  make the files that the portal reads at run time
    python tools/translations.py --check    fail when a text is missing, unsure, or has other placeholders

The .po files are the ones that people edit and that are kept; the .mo files are made from them.
"""

from __future__ import annotations

import re
import sys
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
TRANSLATIONS = ROOT / "translations"
FOLDERS = ("portal", "workers", "templates")
JINJA = {"extensions": "jinja2.ext.do,jinja2.ext.loopcontrols", "silent": "false"}
METHODS = [("**.py", "python"), ("**.html", "jinja2"), ("mail/*.txt", "jinja2")]
OPTIONS = {"**.html": JINJA, "mail/*.txt": JINJA}
KEYWORDS = dict.fromkeys(("_", "_l", "gettext", "lazy_gettext", "N_")) | {
    "ngettext": (1, 2),
    "lazy_ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}
# The date of collecting would change every file at every run, and say nothing.
DATES = re.compile(rb'^"PO(?:T-Creation|-Revision)-Date:.*\n', re.MULTILINE)
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%%|\{\w*\}")


def collect() -> Catalog:
    """Every text of the portal that is shown to people."""
    found = Catalog(project="Lintas", charset="utf-8")
    for folder in FOLDERS:
        texts = extract_from_dir(str(ROOT / folder), METHODS, OPTIONS, KEYWORDS, comment_tags=("For translators:",))
        for _, _, text, comments, context in texts:
            if text:
                found.add(text, auto_comments=comments, context=context)
    return found


def languages() -> dict[Path, Catalog]:
    opened = {}
    for path in sorted(TRANSLATIONS.glob("*/LC_MESSAGES/messages.po")):
        with path.open("rb") as file:
            opened[path] = read_po(file, locale=path.parent.parent.name)
    return opened


def update() -> None:
    """Add what is new and drop what is gone; nothing is guessed from similar texts."""
    template = collect()
    for path, catalog in languages().items():
        catalog.update(template, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        written = BytesIO()
        write_po(written, catalog, width=110, no_location=True, sort_output=True, ignore_obsolete=True)
        path.write_bytes(DATES.sub(b"", written.getvalue()))
        print(f"{path.relative_to(ROOT)}: {sum(map(missing, texts(catalog)))} of {len(catalog)} to translate")


def compile_all() -> None:
    for path, catalog in languages().items():
        with path.with_suffix(".mo").open("wb") as file:
            write_mo(file, catalog)


def faults() -> list[str]:
    """What keeps the translations from being whole, a line for each."""
    template = collect()
    found = []
    for path, catalog in languages().items():
        name = path.parent.parent.name
        for wanted in texts(template):
            have = catalog.get(wanted.id, context=wanted.context)
            shown = repr(wanted.id if isinstance(wanted.id, str) else wanted.id[0])
            if have is None:
                found.append(f"{name}: not collected: {shown}")
            elif missing(have):
                found.append(f"{name}: not translated: {shown}")
            elif have.fuzzy:
                found.append(f"{name}: marked as unsure: {shown}")
            elif not same_placeholders(have):
                found.append(f"{name}: other placeholders: {shown}")
    return found


def texts(catalog: Catalog) -> list[Message]:
    return [message for message in catalog if message.id]


def missing(message: Message) -> bool:
    # A text that was never translated has none, neither an empty one nor an empty row of plural forms.
    said = [message.string] if isinstance(message.string, str) else message.string
    return not said or not all(said)


def same_placeholders(message: Message) -> bool:
    """Whether each translation has the placeholders of the text; of a plural, those of either form."""
    ids = [message.id] if isinstance(message.id, str) else message.id
    said = [message.string] if isinstance(message.string, str) else message.string
    allowed = [sorted(PLACEHOLDER.findall(text)) for text in ids]
    return all(sorted(PLACEHOLDER.findall(text)) in allowed for text in said)


def main() -> int:
    if "--check" in sys.argv:
        found = faults()
        print(*found[:40], sep="\n", end="\n" if found else "")
        print(f"{len(languages())} languages, {len(found)} faults")
        return bool(found)
    if "--compile" not in sys.argv:
        update()
    compile_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
