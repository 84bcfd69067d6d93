"""The one exception that means "the input is wrong", and how to see more of the others."""

TRACEBACK = "LOOPBENCH_TRACEBACK"  # an environment variable: set, it shows the traceback of an error in a plugin


class LoopbenchError(Exception):
    """Bad input: one line that says what is wrong and what would be right.

    The command line prints the message and exits with code 2; a library user catches this type.
    """
