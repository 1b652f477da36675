"""Whom the worker believes when it speaks TLS to RabbitMQ, Redis and S3."""

from __future__ import annotations

import ssl

from darkroom_worker.settings import BadSetting


def context(ca_file: str) -> ssl.SSLContext:
    """The system's authorities, and those of a PEM file where one is named. Raises BadSetting."""
    made = ssl.create_default_context()
    if ca_file:
        try:
            made.load_verify_locations(ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise BadSetting(f"TLS_CA_FILE={ca_file}: must be a file with PEM certificates ({error})") from error
    return made
