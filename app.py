"""The application that a WSGI server loads."""

from portal.config import Settings
from portal.factory import create_app

app = create_app(Settings.from_env())
