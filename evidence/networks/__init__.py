"""The evidence networks: their recipes, and one wrapper that shows each as a denoiser D(y, r).

In the library's coordinates a noisy sample is y = x + r e with e standard normal, and D(y, r) estimates x. What the
network itself predicts is its `kind`:
`epsilon`  the noise, from sqrt(abar_t) y at a discrete time t with r = sqrt((1 - abar_t) / abar_t) (Ho et al. 2020);
`edm`      a preconditioned residual at any r (Karras et al. 2022, table 1);
`flow`     the velocity e - x on x_t = (1 - t) x + t e, t = r / (1 + r) (Liu et al. 2022; Esser et al. 2024).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from .autoencoder import Autoencoder
from .dilated import Dilated

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"


@dataclass(frozen=True)
class Recipe:
    """What a network is and how it is trained; stored with its weights."""

    kind: str
    data: str
    shape: tuple[int, ...]
    channels: tuple[int, ...]
    classes: int = 0  # 0: unconditional; otherwise label `classes` stands for "no label"
    attention: bool = True  # on the coarsest grid
    sigma_range: tuple[float, float] = (0.002, 80.0)
    sigma_data: float = 0.5  # edm only; measured on the data when training starts
    noise: tuple[float, float] = (0.0, 1.0)  # edm: mean and deviation of log r; flow: of the logit of t
    latents: int = 0  # autoencoder only: channels at each place
    patch: int = 1  # squares of so many pixels become channels before the U-Net
    grown_from: str = (
        ""  # a network of images whose pixels are the means of such squares; training starts there
    )
    batch: int = 32
    rate: float = 1.5e-3
    seed: int = 0


# Widths: most parameters sit on the coarse grids, where a multiplication costs least (150 images a second and core).
# latents is started as Stable Diffusion 3 is: t from .999 to .003, the logit of t about log 3, its shift; wider than
# its deviation of 1, since a short training must cover t = .999.
# cifar32 sees squares of two pixels as channels and starts from cifar16_edm, which knows their means: it costs no more
# than that one, and less training.
# cifar16_edm draws log r wider than the -1.2 +- 1.2 of Karras et al., since a short training must cover r = 80.
RECIPES = {
    "cifar16_eps": Recipe("epsilon", "cifar16", (3, 16, 16), (24, 48, 80), seed=1),
    "cifar16_edm": Recipe("edm", "cifar16", (3, 16, 16), (24, 48, 80), classes=10, noise=(-0.7, 1.6), seed=2),
    "cifar32": Recipe(
        "edm",
        "cifar32",
        (3, 32, 32),
        (24, 48, 80),
        classes=10,
        noise=(-0.4, 1.6),
        patch=2,
        grown_from="cifar16_edm",
        seed=7,
    ),
    "digits": Recipe("flow", "digits", (1, 8, 8), (16, 16), classes=10, attention=False, batch=64, seed=3),
    "autoencoder": Recipe("autoencoder", "cifar32", (3, 32, 32), (24, 64), latents=8, seed=5),
    "latents": Recipe(
        "flow",
        "latents",
        (8, 8, 8),
        (48, 96),
        classes=10,
        sigma_range=(0.003, 999.0),
        noise=(1.1, 1.5),
        rate=1e-3,
        seed=6,
    ),
    "sound": Recipe("edm", "sound", (1, 128), (24,), noise=(-0.7, 1.6), batch=64, seed=4),
}


def scaled_linear(steps: int = 1000, first: float = 0.00085, last: float = 0.012) -> np.ndarray:
    """Products abar_t of Stable Diffusion's betas (the squares of equally spaced roots), shape (steps,)."""
    return np.cumprod(1 - np.linspace(first**0.5, last**0.5, steps) ** 2)


def unet(recipe: Recipe) -> nn.Module:
    """The diffusers U-Net of a recipe, one residual block a side and level; for sounds the dilated network."""
    if recipe.kind == "autoencoder":
        return Autoencoder(recipe.shape[0], recipe.latents, recipe.channels)
    if len(recipe.shape) == 2:
        return Dilated(recipe.shape[0], recipe.channels[0])
    from diffusers import UNet2DModel

    depth, places = len(recipe.channels), recipe.patch**2
    down, up = ["DownBlock2D"] * depth, ["UpBlock2D"] * depth
    if recipe.attention:
        down[-1], up[0] = "AttnDownBlock2D", "AttnUpBlock2D"
    return UNet2DModel(
        sample_size=recipe.shape[-1] // recipe.patch,
        in_channels=recipe.shape[0] * places,
        out_channels=recipe.shape[0] * places,
        block_out_channels=recipe.channels,
        layers_per_block=1,
        down_block_types=tuple(down),
        up_block_types=tuple(up),
        norm_num_groups=8,
        attention_head_dim=16,
        add_attention=recipe.attention,
        num_class_embeds=recipe.classes + 1 if recipe.classes else None,
    )


class Network(nn.Module):
    """A recipe's U-Net and the conversions around it.

    Attributes: `recipe`, `unet`, `kind`, `shape` (of one sample), `classes`, `sigma_range`, and for `epsilon`
    networks `alphas_cumprod` (1000,) and `sigmas` (1000,), increasing.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe, self.unet = recipe, unet(recipe)
        self.kind, self.shape, self.classes = recipe.kind, recipe.shape, recipe.classes
        self.sigma_range = recipe.sigma_range
        if self.kind == "epsilon":
            self.alphas_cumprod = scaled_linear()
            self.sigmas = np.sqrt((1 - self.alphas_cumprod) / self.alphas_cumprod)
            self.sigma_range = (float(self.sigmas[0]), float(self.sigmas[-1]))

    def raw(self, x: Tensor, time: Tensor, labels: Tensor | None) -> Tensor:
        """The U-Net's own output; `labels` None means unconditional."""
        if self.classes and labels is None:
            labels = torch.full((len(x),), self.classes)
        if (patch := self.recipe.patch) > 1:
            x = pixel_unshuffle(x, patch)
        out = self.unet(x, time, class_labels=labels if self.classes else None).sample
        return pixel_shuffle(out, patch) if patch > 1 else out

    def timestep(self, r: Tensor) -> Tensor:
        """Time in [0, 999] of the noise level r, linear in log r between the trained ones (`epsilon` only)."""
        logs, place = torch.from_numpy(np.log(self.sigmas)), r.double().log()
        above = torch.searchsorted(logs, place.detach()).clamp(1, len(logs) - 1)
        share = (place - logs[above - 1]) / (logs[above] - logs[above - 1])
        return (above - 1 + share.clamp(0.0, 1.0)).float()

    def predict(self, y: Tensor, r: Tensor, labels: Tensor | None) -> Tensor:
        """D(y, r) without guidance; r has shape (n,)."""
        s = r.view(-1, *[1] * (y.dim() - 1)).to(y.dtype)
        if self.kind == "epsilon":
            return y - s * self.raw(y / (1 + s**2).sqrt(), self.timestep(r), labels)
        if self.kind == "flow":
            t = s / (1 + s)
            return y * (1 - t) - t * self.raw(y * (1 - t), 1000 * t.flatten(), labels)
        d, total = self.recipe.sigma_data, (s**2 + self.recipe.sigma_data**2).sqrt()
        # 4 log r rather than log r / 4: the U-Net's sinusoids then turn about once over a factor of five in r.
        residual = self.raw(y / total, 4 * s.flatten().log(), labels)
        return (d / total) ** 2 * y + s * d / total * residual

    def denoise(
        self, y: Tensor, r: Tensor | float, labels: Tensor | None = None, guidance: float = 1.0
    ) -> Tensor:
        """D(y, r), classifier-free guidance included: D(no label) + guidance (D(label) - D(no label))."""
        r = torch.as_tensor(r, dtype=torch.float64).expand(len(y))
        if labels is None or guidance == 1:
            return self.predict(y, r, labels)
        none = torch.full_like(labels, self.classes)
        with_label, without = self.predict(
            torch.cat([y, y]), torch.cat([r, r]), torch.cat([labels, none])
        ).chunk(2)
        return without + guidance * (with_label - without)


def grow(network: Network, small: Network) -> None:
    """Starts a network of patches as one that sees their means and gives each pixel its patch's."""
    places = network.recipe.patch**2
    weights = {name: value.clone() for name, value in small.unet.state_dict().items()}
    weights["conv_in.weight"] = weights["conv_in.weight"].repeat_interleave(places, dim=1) / places
    for name in ("conv_out.weight", "conv_out.bias"):
        weights[name] = weights[name].repeat_interleave(places, dim=0)
    network.unet.load_state_dict(weights)


def save(network: Network, path: Path, **trained: object) -> None:
    """Writes weights in half precision with the recipe, and what `trained` says, as JSON metadata."""
    from safetensors.torch import save_file

    weights = {name: value.detach().half().contiguous() for name, value in network.unet.state_dict().items()}
    save_file(
        weights, path, metadata={"recipe": json.dumps(asdict(network.recipe)), "trained": json.dumps(trained)}
    )


def load(name: str, folder: str | Path = CHECKPOINTS) -> Network:
    """The trained network `name` (a key of RECIPES) in float32, in evaluation mode; `network.trained` tells of its
    training."""
    from safetensors import safe_open

    with safe_open(Path(folder) / f"{name}.safetensors", "pt") as file:
        fields, trained = json.loads(file.metadata()["recipe"]), json.loads(file.metadata()["trained"])
        weights = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118 (no mapping)
    lists = {key: tuple(value) for key, value in fields.items() if isinstance(value, list)}
    network = Network(Recipe(**{**fields, **lists}))
    network.unet.load_state_dict(weights)
    network.trained = trained
    return network.eval().requires_grad_(False)
