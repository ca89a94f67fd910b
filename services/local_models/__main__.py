"""`python -m local_models`."""

import sys

from local_models.main import run
from local_models.weights import WeightsError

try:
    run()
except (WeightsError, ValueError) as error:
    sys.stderr.write(f"{error}\n")
    raise SystemExit(1) from None
