"""Which language a page speaks."""

from flask import g, has_app_context, has_request_context, request, session

from portal.web.words import LANGUAGES

SPOKEN = {
    "en": "en",
    "en-gb": "en",
    "en-us": "en",
    "id": "id",
    "in": "id",
    "zh": "zh_Hans",
    "zh-cn": "zh_Hans",
    "zh-hans": "zh_Hans",
}


def chosen() -> str:
    """The person's own language, else the merchant's, else the browser's, else English."""
    if not has_request_context():
        # A letter is in the language of whoever gets it.
        return str(g.get("locale", "en")) if has_app_context() else "en"
    who = g.get("signed_in")
    wanted = [
        who.user.locale if who else None,
        session.get("locale"),
        who.merchant.locale if who and who.merchant else None,
        SPOKEN.get((request.accept_languages.best_match(SPOKEN) or "").lower()),
    ]
    return next((each for each in wanted if each in LANGUAGES), "en")
