"""`python -m standalone`."""

import os
import sys

# Compiling every module takes half of each start, so bytecode is kept, here and in every child, even where the
# environment says otherwise (most container images do). It goes into .venv and into folders that git ignores.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

from standalone.main import main  # noqa: E402

main()
