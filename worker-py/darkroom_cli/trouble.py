"""What goes wrong, each with the exit status that a script can tell it by. The text is for a person and says what to do."""

from __future__ import annotations


class Trouble(Exception):
    """The job ended otherwise than wished, or something was found broken."""

    status = 1


class BadSetting(Trouble):
    """An option or a setting that cannot be used."""

    status = 2


class Away(Trouble):
    """Something that was needed gives no answer."""

    status = 3


class NotFound(Trouble):
    """There is no such job, worker, key or letter."""

    status = 4


class Refused(Trouble):
    """It was understood, and will not be done."""

    status = 5
