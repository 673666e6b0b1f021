"""What the frozen application runs: the command line, whose sub-commands its children are, too."""

import faulthandler
import multiprocessing
import sys

if __name__ == "__main__":
    multiprocessing.freeze_support()  # films of the demo cohort are rendered by processes that multiprocessing starts
    if sys.stderr is not None:  # as `-X faulthandler` in a checkout: a crash of a library says where it was
        faulthandler.enable()
    from xferviewer.cli import main

    sys.exit(main())
