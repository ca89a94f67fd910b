"""`python -m local_models` serves the local models; what it needs is in its settings."""

import sys

from local_models.main import run
from local_models.settings import LocalModelsSettings
from local_models.weights import WeightsError

try:
    run(LocalModelsSettings())
except (WeightsError, ValueError) as error:
    sys.stderr.write(f"local-models cannot start: {error}\n")
    sys.exit(2)
