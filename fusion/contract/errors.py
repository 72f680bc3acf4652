"""The error that a user can mend."""

from __future__ import annotations


class FusionError(Exception):
    """What a user can mend: printed without a traceback, exit code 2. Says what, where, and the config key."""
