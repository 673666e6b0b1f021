"""The command line."""


def main() -> int:
    """Run the sub-command that `sys.argv` names."""
    return 0
