"""What stops the platform, as a sentence for the person who started it."""


class StartRefused(Exception):
    """The platform cannot start here; the message is one clear sentence that says what to do."""


class ChildEnded(Exception):
    """A part of the platform ended by itself; the message names it, its exit code and its last words."""
