"""What a user can mend: one line each, naming the file, the place, the fault and what to do.

    PostvaktError
    ├── UsageError       the words of the command line
    ├── EvidenceError    what was handed in cannot be opened
    ├── ContentError     a rule, directive, indicator or build table is wrong
    └── EngineError      the place where tasks run failed

What is none of these is a bug and crashes loudly (exit code 70).
"""


class PostvaktError(Exception):
    """The root of what a user can mend; `exit_code` is part of the command line's contract."""

    exit_code = 70


class UsageError(PostvaktError):
    """A command was called with words that do not fit together."""

    exit_code = 2


class EvidenceError(PostvaktError):
    """Handed-in evidence, or a case folder, cannot be opened or written."""

    exit_code = 4


class ContentError(PostvaktError):
    """A rule, directive, indicator or build table is wrong."""

    exit_code = 5


class EngineError(PostvaktError):
    """The place where tasks run failed."""

    exit_code = 6
