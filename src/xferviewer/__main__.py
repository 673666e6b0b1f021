"""`python -m xferviewer …` is `xferviewer …`."""

import sys

from xferviewer.cli import main

if __name__ == "__main__":
    sys.exit(main())
