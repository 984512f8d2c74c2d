"""Builds the house: the only file that sees every floor."""

import importlib
import pkgutil
from pathlib import Path

import redis
from flask import Blueprint, Flask
from flask_babel import Babel
from flask_mailman import Mail
from redis.backoff import NoBackoff
from redis.retry import Retry

from portal import integrations, models, web
from portal.config import ROOT, Misconfigured, Settings
from portal.flows import doctor
from portal.flows.house import House
from portal.flows.lines import consent_origins
from portal.kit import log
from portal.kit.db import db
from portal.kit.sealing import Keyring
from portal.web import doors, headers, languages, letters, once, requests, show

assert models  # noqa: S101 - the tables must be known before the first query.


def create_app(settings: Settings) -> Flask:
    """The portal for these settings.  Raises where a page has no declared permission or an integration is broken."""
    app = Flask("portal", root_path=str(ROOT / "portal"), template_folder=str(ROOT / "templates"))
    app.static_folder = str(ROOT / "static")
    app.config.update(_config(settings))
    log.set_up(settings.log_level)
    db.init_app(app)
    app.extensions["lintas"] = House(
        settings, Keyring(settings.sealing_keys), _redis(settings.redis_url), letters.written
    )
    Mail(app)
    integrations.all_integrations()
    Babel(app, locale_selector=languages.chosen, default_translation_directories=str(ROOT / "translations"))
    show.dress(app)
    requests.receive(app, settings)
    once.watch(app)
    doors.guard(app)
    with app.app_context():
        headers.protect(app, consent_origins())
    for blueprint in _blueprints():
        app.register_blueprint(blueprint)
    doors.check_all(app)
    return app


def start(settings: Settings) -> Flask:
    """The portal for a process that serves or works.  In production it refuses a database role that knows no walls.

    Raises Misconfigured.
    """
    app = create_app(settings)
    if settings.env == "production":
        with app.app_context():
            faults = doctor.faults_of_role()
            db.session.remove()
            # A server may fork after loading the application; no two processes may speak over one connection.
            db.engine.dispose()
        if faults:
            raise Misconfigured("\n".join(faults))
    return app


def _config(settings: Settings) -> dict[str, object]:
    prefix = "__Host-" if settings.secure else ""
    return {
        "SECRET_KEY": settings.secret_key,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        # The server may have been restarted since a connection was last used; a look before use costs 0.1 ms.
        "SQLALCHEMY_ENGINE_OPTIONS": {
            # Errors of the database end in logs; e-mail addresses, hashes and what buyers wrote do not.
            "hide_parameters": True,
            "pool_pre_ping": True,
            "pool_size": 8,
            "max_overflow": 8,
            "pool_recycle": 1800,
            # A plan made for an empty table, or for an array of one, is kept for a connection's life and is ruinous for
            # the first import; planning anew costs a fraction of a millisecond.
            "connect_args": {"options": "-c plan_cache_mode=force_custom_plan -c jit=off"},
        },
        "SESSION_COOKIE_NAME": f"{prefix}lintas",
        "SESSION_COOKIE_SECURE": settings.secure,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "WTF_CSRF_TIME_LIMIT": None,
        "MAX_CONTENT_LENGTH": 2 * 1024 * 1024,
        "MAX_FORM_MEMORY_SIZE": 1024 * 1024,
        "MAX_FORM_PARTS": 2000,
        "BABEL_DEFAULT_LOCALE": "en",
        "TEMPLATES_AUTO_RELOAD": False,
    }


def _redis(url: str) -> redis.Redis:
    # A request never waits for Redis: without it bells ring later and paces are kept locally.
    return redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=0.5, retry=Retry(NoBackoff(), 1))


def _blueprints() -> list[Blueprint]:
    """Every module of the web floor that has a `bp`: being there is being registered."""
    names = sorted(each.name for each in pkgutil.iter_modules([str(Path(web.__file__).parent)]))
    found = [getattr(importlib.import_module(f"portal.web.{name}"), "bp", None) for name in names]
    return [each for each in found if isinstance(each, Blueprint)]
