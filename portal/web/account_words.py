"""Accounts in words: what is refused, the labels of their fields, and the browsers of sessions."""

import re
from collections.abc import Callable

from flask_babel import gettext as _
from flask_babel import ngettext
from wtforms import Field

from portal.flows import passwords
from portal.kit.errors import Refusal

REFUSALS: dict[str, Callable[..., str]] = {
    "too_many_tries": lambda minutes: ngettext(
        "There were too many tries, so try again in %(number)d minute.",
        "There were too many tries, so try again in %(number)d minutes.",
        minutes,
        number=minutes,
    ),
    "password_used_by_many": lambda: _(
        "This password is used by many, or says who you are, so it is guessed first. Use another one: several words "
        "that have nothing to do with each other are good."
    ),
    "password_is_the_old_one": lambda: _("This is the password you have. Enter another one."),
    "password_differs": lambda: _("This is not what stands above. Enter the same password twice."),
    "wrong_password": lambda: _("This is not your password. Check it and try again."),
    "wrong_code": lambda: _(
        "This code does not count: it is another one, is over, or was used already. Wait for the next one."
    ),
    "wrong_new_code": lambda: _(
        "This code does not belong to the picture and the key on this page. Check the clock of your device, and enter "
        "the code that is shown now."
    ),
    "offer_is_over": lambda: _("This page was open for too long, so here is another picture. Scan this one."),
    "no_second_factor": lambda: _("There is no second step to change. Set it up first."),
    "person_without_factor": lambda email: _("%(email)s has no second step, so nothing was changed.", email=email),
    "second_factor_needed": lambda: _(
        "Owners and the support team need a second step here, so it stays on. You can set up another device."
    ),
    "session_over": lambda: _("This browser was signed out meanwhile, so nothing was changed. Sign in again."),
    "reset_is_over": lambda: _("This link was used or is over. Ask for a new one."),
    "unknown_person": lambda email: _("Nobody signs in with %(email)s.", email=email),
}


def status(refusal: Refusal) -> int | None:
    """The number of the answer that says a refusal; None for the usual one."""
    return 429 if refusal.reason == "too_many_tries" else None


def label_code(field: Field) -> None:
    """Say what a code is."""
    field.label.text = _("Code")
    field.description = _(
        "The 6 digits that your authenticator shows now. Without your device, enter one of your recovery codes."
    )


def label_new_password(field: Field) -> None:
    """Say what a new password needs."""
    field.label.text = _("New password")
    field.description = _(
        "%(shortest)d characters or more. Several words that have nothing to do with each other are good.",
        shortest=passwords.SHORTEST,
    )


# Each pattern before those whose names a browser also gives itself.
BROWSERS = (
    (r"Edg(e|A|iOS)?/", "Edge"),
    (r"OPR/|Opera", "Opera"),
    (r"SamsungBrowser/", "Samsung Internet"),
    (r"UCBrowser/", "UC Browser"),
    (r"MicroMessenger/", "WeChat"),
    (r"QQBrowser/", "QQ Browser"),
    (r"Firefox/|FxiOS/", "Firefox"),
    (r"Chrome/|CriOS/|Chromium/", "Chrome"),
    (r"Safari/", "Safari"),
)
SYSTEMS = (
    (r"HarmonyOS|OpenHarmony", "HarmonyOS"),
    (r"Android", "Android"),
    (r"iPhone|iPod", "iPhone"),
    (r"iPad", "iPad"),
    (r"Windows", "Windows"),
    (r"CrOS", "ChromeOS"),
    (r"Mac OS X|Macintosh", "macOS"),
    (r"Linux|X11", "Linux"),
)


def device(agent: str) -> str:
    """The browser and the system of a session, as far as the browser says."""
    browser, system = _first(BROWSERS, agent), _first(SYSTEMS, agent)
    if browser and system:
        return _("%(browser)s on %(system)s", browser=browser, system=system)
    return browser or system or _("Unknown browser")


def _first(known: tuple[tuple[str, str], ...], agent: str) -> str:
    return next((name for pattern, name in known if re.search(pattern, agent)), "")
