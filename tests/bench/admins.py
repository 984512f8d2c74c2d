"""The references of B6: Flask-Admin and Django's admin over the very table of our orders, as one would set them up."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import flask
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.orm import scoped_session, sessionmaker

from portal.models import Order

Ask = Callable[[str], int]
PAGE = 50
COLUMNS = ("number", "placed_at", "buyer_shown", "pieces", "total_minor", "currency", "status_word")


def flask_admin(superuser_url: str) -> tuple[Ask, dict[str, str]]:
    """How Flask-Admin is asked, and the addresses of its first, filtered and deep page."""
    import flask_babel
    from flask_admin import Admin
    from flask_admin.contrib.sqla import ModelView

    engine = sa.create_engine(make_url(superuser_url).set(drivername="postgresql+psycopg"))
    session = scoped_session(sessionmaker(engine))

    class Orders(ModelView):  # type: ignore[misc]  # Flask-Admin brings no types.
        page_size = PAGE
        column_list = COLUMNS
        column_filters = ("status_word",)
        column_default_sort = ("placed_at", True)
        can_create = can_edit = can_delete = False

    app = flask.Flask("reference", static_folder=None)
    app.secret_key = "a benchmark"
    flask_babel.Babel(app)  # It looks for a translator because one is installed.
    Admin(app).add_view(Orders(Order, session, endpoint="orders"))
    app.teardown_appcontext(lambda _: session.remove() and None)
    client = app.test_client()

    def ask(address: str) -> int:
        return client.get(address).status_code

    pages = {"first": "/admin/orders/", "filtered": "/admin/orders/?flt0_0=odd", "deep": "/admin/orders/?page={deep}"}
    return ask, pages


def django_admin(superuser_url: str) -> tuple[Ask, dict[str, str]]:
    """The same for Django's admin; its own users and sessions live in memory."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    url = make_url(superuser_url)
    if not settings.configured:
        settings.configure(
            SECRET_KEY="a benchmark",
            ROOT_URLCONF="tests.bench.admins",
            ALLOWED_HOSTS=["*"],
            USE_TZ=True,
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
            INSTALLED_APPS=[
                "django.contrib.admin",
                "django.contrib.auth",
                "django.contrib.contenttypes",
                "django.contrib.sessions",
                "django.contrib.messages",
            ],
            MIDDLEWARE=[
                "django.contrib.sessions.middleware.SessionMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware",
                "django.contrib.messages.middleware.MessageMiddleware",
            ],
            TEMPLATES=[
                {
                    "BACKEND": "django.template.backends.django.DjangoTemplates",
                    "APP_DIRS": True,
                    "OPTIONS": {
                        "context_processors": [
                            "django.template.context_processors.request",
                            "django.contrib.auth.context_processors.auth",
                            "django.contrib.messages.context_processors.messages",
                        ]
                    },
                }
            ],
            STATIC_URL="/static/",
            DATABASES={
                "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
                "orders": {
                    "ENGINE": "django.db.backends.postgresql",
                    "NAME": url.database,
                    "USER": url.username,
                    "PASSWORD": url.password or "",
                    "HOST": url.query.get("host") or url.host or "",
                    "PORT": str(url.port or url.query.get("port") or ""),
                },
            },
        )
        django.setup()
        _register()
    from django.contrib.auth.models import User
    from django.test import Client

    call_command("migrate", verbosity=0)
    person = User.objects.create_superuser(f"bench-{uuid.uuid4().hex}", "bench@example.com", "a benchmark")
    client = Client()
    client.force_login(person)

    def ask(address: str) -> int:
        return int(client.get(address).status_code)

    root = "/admin/auth/order/"
    return ask, {"first": root, "filtered": f"{root}?status_word=odd", "deep": f"{root}?p={{deep}}"}


urlpatterns: list[Any] = []


def _register() -> None:
    from django.contrib import admin
    from django.db import models
    from django.urls import path

    fields: dict[str, Any] = {
        "id": models.UUIDField(primary_key=True),
        "number": models.TextField(),
        "placed_at": models.DateTimeField(),
        "buyer_shown": models.TextField(),
        "pieces": models.IntegerField(),
        "total_minor": models.BigIntegerField(null=True),
        "currency": models.TextField(),
        "status_word": models.TextField(),
    }
    meta = type("Meta", (), {"managed": False, "db_table": "orders", "app_label": "auth", "ordering": ["-placed_at"]})
    order = type("Order", (models.Model,), {"__module__": __name__, "Meta": meta, **fields})

    class Orders(admin.ModelAdmin):  # type: ignore[misc]  # Django brings no types.
        list_display = COLUMNS
        list_per_page = PAGE

        def get_queryset(self, request: Any) -> Any:
            return order._default_manager.using("orders")  # type: ignore[attr-defined]

        def lookup_allowed(self, *_: Any) -> bool:
            return True

    admin.site.register(order, Orders)
    urlpatterns.append(path("admin/", admin.site.urls))
