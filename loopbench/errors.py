"""The one exception that means "the input is wrong"."""


class LoopbenchError(Exception):
    """Bad input: one line that says what is wrong and what would be right.

    The command line prints the message and exits with code 2; a library user catches this type.
    """
