"""Trains a network on the processor: python -m evidence.train NAME --data PATH --out DIR --minutes M --resume

Every step draws from its own seed, so a run of N steps is the same whether or not it was interrupted. The rate falls
as 1 / sqrt(step) and the averaged weights follow a power law (Karras et al. 2024, arXiv 2312.02696), so the network
is usable whenever training stops. `DIR/NAME.safetensors` holds the average, `DIR/NAME.csv` the loss curve and
`DIR/NAME.state` what resuming needs.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from . import data
from .networks import RECIPES, Network, Recipe, grow, load, save

DROPPED_LABELS = 0.12  # the share trained without a label, for guidance
FLAT_STEPS = 3000  # the rate is constant until then
WARM_STEPS = 200
EMA_POWER = 8.0  # averages over about the last tenth of the training
SAVE_EVERY = 180.0  # seconds


def samples(recipe: Recipe, path: str | Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Training data of a recipe."""
    if recipe.data == "digits":
        return data.digits()
    if recipe.data == "sound":
        return data.sounds()
    if path is None:
        raise ValueError(f"--data must name the CIFAR-10 archive for {recipe.data}")
    if recipe.data == "latents":
        return data.latents(path)
    return data.cifar(path, recipe.shape[-1])


def spread(batch: int, random: torch.Generator) -> Tensor:
    """Uniform numbers in (0, 1), one in each of `batch` equal parts: noise levels with little sampling error."""
    return (torch.randperm(batch, generator=random) + torch.rand(batch, generator=random)) / batch


def loss(network: Network, x: Tensor, labels: Tensor, random: torch.Generator) -> Tensor:
    """Mean squared error of what the network predicts, on one batch.

    Noise predictions are weighed by 1 + r^2, as velocities would be (Salimans and Ho 2022): 3 % of the noise at
    r = 14.6 is an error of D as large as its posterior's spread. cifar16_eps as committed had Ho et al.'s weight 1
    for its first 1306 steps and sqrt(1 + r^2) up to step 3465, when that error was seen.
    """
    recipe = network.recipe
    if recipe.kind == "autoencoder":
        return network.unet.loss(x, random)
    noise = torch.randn(x.shape, generator=random)
    u = spread(len(x), random).view(-1, *[1] * (x.dim() - 1))
    if recipe.kind == "epsilon":
        t = (u.flatten() * len(network.sigmas)).long()
        abar = torch.from_numpy(network.alphas_cumprod[t.numpy()]).float().view(u.shape)
        error = network.raw(abar.sqrt() * x + (1 - abar).sqrt() * noise, t, labels) - noise
        return (error.square() / abar).mean()
    mean, deviation = recipe.noise
    level = mean + deviation * torch.special.ndtri(u.clamp(1e-6, 1 - 1e-6))
    if recipe.kind == "flow":
        t = torch.sigmoid(level)
        velocity = network.raw((1 - t) * x + t * noise, 1000 * t.flatten(), labels)
        return (velocity - (noise - x)).square().mean()
    r, d = level.exp(), recipe.sigma_data
    weight = (r**2 + d**2) / (r * d) ** 2
    return (weight * (network.predict(x + r * noise, r.flatten(), labels) - x).square()).mean()


def draw(recipe: Recipe, x: Tensor, labels: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """A batch: images mirrored half of the time, labels dropped."""
    pick = torch.randint(len(x), (recipe.batch,), generator=random)
    chosen, names = x[pick], labels[pick].clone()
    if recipe.data.startswith("cifar"):
        mirrored = torch.rand(recipe.batch, generator=random) < 0.5
        chosen[mirrored] = chosen[mirrored].flip(-1)
    names[torch.rand(recipe.batch, generator=random) < DROPPED_LABELS] = recipe.classes
    return chosen, names


class Training:
    """State of one training: the network, its average, the optimiser, steps and the loss curve."""

    def __init__(self, recipe: Recipe, name: str, out: Path) -> None:
        torch.manual_seed(recipe.seed)
        self.name, self.out = name, out
        self.network, self.average = Network(recipe), Network(recipe)
        if recipe.grown_from:
            grow(self.network, load(recipe.grown_from))
        self.average.load_state_dict(self.network.state_dict())
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), lr=recipe.rate, betas=(0.9, 0.99), fused=True
        )
        self.steps, self.seconds, self.curve = 0, 0.0, [("step", "processor_minutes", "loss")]

    def step(self, x: Tensor, labels: Tensor, cooled: float = 1.0) -> float:
        """One step of the optimiser at the rate of this step times `cooled`; returns the loss."""
        recipe, random = self.network.recipe, torch.Generator()
        random.manual_seed(recipe.seed * 1_000_003 + self.steps)
        self.steps += 1
        decay = (FLAT_STEPS / max(self.steps, FLAT_STEPS)) ** 0.5
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.rate * min(1.0, self.steps / WARM_STEPS) * decay * cooled
        value = loss(self.network, *draw(recipe, x, labels, random), random)
        self.optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        keep = (1 - 1 / self.steps) ** (EMA_POWER + 1)
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 1 - keep)
        return value.item()

    def store(self) -> None:
        parts = {"network": self.network, "average": self.average, "optimizer": self.optimizer}
        state = {name: part.state_dict() for name, part in parts.items()}
        scratch = self.out / f"{self.name}.scratch"
        torch.save({**state, "steps": self.steps, "seconds": self.seconds, "curve": self.curve}, scratch)
        scratch.replace(self.out / f"{self.name}.state")
        save(self.average, scratch, steps=self.steps, processor_minutes=round(self.seconds / 60, 1))
        scratch.replace(self.out / f"{self.name}.safetensors")
        (self.out / f"{self.name}.csv").write_text(
            "".join(",".join(map(str, row)) + "\n" for row in self.curve)
        )

    def resume(self) -> None:
        state = torch.load(self.out / f"{self.name}.state", weights_only=True)
        for name in ("network", "average", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.steps, self.seconds, self.curve = state["steps"], state["seconds"], state["curve"]


def train(training: Training, x: Tensor, labels: Tensor, minutes: float, steps: int, cool: int = 0) -> None:
    """Runs until `steps` in all, or `minutes` of this call, whichever comes first.

    Over the last `cool` of `steps` the rate falls to 0, which removes the last steps' noise from the weights.
    """
    start, saved, before = time.monotonic(), time.monotonic(), training.seconds - time.process_time()
    recent: list[float] = []
    while training.steps < steps and time.monotonic() - start < 60 * minutes:
        cooled = min(1.0, (steps - training.steps) / cool) if cool else 1.0
        recent.append(training.step(x, labels, cooled))
        if training.steps % 200 == 0:
            training.seconds = before + time.process_time()
            row = (training.steps, round(training.seconds / 60, 2), round(float(np.mean(recent)), 5))
            training.curve.append(row)
            recent.clear()
            print(*row, f"{(time.monotonic() - start) / 60:.1f} min", flush=True)
        if time.monotonic() - saved > SAVE_EVERY:
            training.seconds, saved = before + time.process_time(), time.monotonic()
            training.store()
    training.seconds = before + time.process_time()
    training.store()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("--data", help="the CIFAR-10 archive (evidence/README.md)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--steps", type=int, default=10**9, help="steps in all, earlier runs included")
    parser.add_argument("--cool", type=int, default=0, help="the last steps, over which the rate falls to 0")
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    x, labels = map(torch.from_numpy, samples(RECIPES[args.name], args.data))
    args.out.mkdir(parents=True, exist_ok=True)
    training = Training(replace(RECIPES[args.name], sigma_data=round(float(x.std()), 4)), args.name, args.out)
    if args.resume:
        training.resume()
    train(training, x, labels, args.minutes, args.steps, args.cool)


if __name__ == "__main__":
    main()
