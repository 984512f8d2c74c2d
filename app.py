"""The application that a WSGI server loads."""

from portal.config import Settings
from portal.factory import start

app = start(Settings.from_env())
