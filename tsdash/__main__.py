"""`python -m tsdash`."""

import sys

from tsdash.cli import main

if __name__ == "__main__":
    sys.exit(main())
