"""`python -m pronubes.cli`: the command line without the script."""

import sys

from pronubes.cli.entry import main

sys.exit(main())
