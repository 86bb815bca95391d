"""A scheduler of diffusers that runs any solver over any schedule, from the program that `specsched.sample` runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ... import _core
from ..._support import checks
from ..._support.codes import ProcessName, process_code
from ..._support.notices import tell
from ...samplers import from_saved
from ...schedules import saved
from ...schedules.export.diffusers import DESIGNED
from ...schedules.schedule import Schedule
from ..adapters.base import check_range
from ..adapters.diffusers import levels_of
from ..arrays import Array, namespace_of
from ..program import Execution
from ..sampling import resolve
from .calls import Plan, plan, told_levels
from .network import check_origin, configuration_of, scheduler_from, times_of


class Stepped(NamedTuple):
    """What `step` returns, under the names of diffusers' outputs."""

    prev_sample: Array
    """The sample on which the network is to be asked next; the result after the last call."""
    pred_original_sample: Array
    """The prediction of the clean data."""


class Designed:
    """Runs a schedule with its solver in any pipeline of diffusers.

    A `SchedulerMixin` and `ConfigMixin` like those of diffusers. Every solver of `specsched.samplers` runs, from the
    recorded program that `specsched.sample` runs and the losses are computed for, on networks that predict noise
    ("epsilon"), velocity ("v_prediction"), the sample or a flow, and on EDM networks. Make one with `from_design`.

    - The schedule fixes the number of steps: pass ``num_inference_steps=scheduler.schedule.steps`` to the pipeline.
      Solvers with several calls a step have an entry of `timesteps` for each (as diffusers' Heun).
    - Image-to-image and inpainting (`strength`) begin at a later step; a multistep solver then begins without
      memory, as its program for the levels that are left says. Solvers whose first steps are special (PLMS) refuse.
    - Timesteps are fractional (by interpolation in log sigma); ``round_timesteps=True`` is for networks that take
      whole ones. Model times of `Multistep` are in them.
    - Noise of stochastic solvers comes from the generator that the pipeline passes to `step`. Churn before the first
      call is part of the initial noise (`init_noise_sigma`), the same in law.
    - Samples are what the network takes (alpha y; for EDM networks y): `scale_model_input` changes them for EDM only.
    - ``clip_sample`` and thresholding of the former scheduler do not apply.

    Parameters
    ----------
    sigmas : list of float
        Levels, noise -> clean.
    sampler : dict
        `Sampler.saved` of the solver.
    process : {"vp", "ve", "flow"}
        Scale of the start.
    network : dict
        Configuration of the scheduler with which the network was trained, its ``_class_name`` included.
    prediction_type, num_train_timesteps, use_flow_sigmas
        Of that network, for pipelines that ask.
    round_timesteps : bool
        Whole timesteps.

    Examples
    --------
    ::

        design = specsched.design(recording, 8, sampler=specsched.samplers.Multistep(order=3))
        pipe.scheduler = specsched.diffusers.DesignedScheduler.from_design(design, pipe.scheduler)
        image = pipe(prompt, num_inference_steps=8).images[0]
    """

    order: int
    timesteps: Array
    sigmas: Array

    def _set_up(
        self, sigmas: Any, sampler: Any, process: ProcessName, network: Any, kind: Any, rounded: bool
    ) -> None:
        if sigmas is None or sampler is None or network is None:
            raise ValueError(
                "DesignedScheduler needs a schedule, a solver and the network's own scheduler: make it with "
                "DesignedScheduler.from_design(design, pipe.scheduler)"
            )
        self.schedule, self.sampler, self.process = Schedule(sigmas), from_saved(sampler), process
        process_code(process)
        own = scheduler_from(network)
        self._levels = levels_of(own, kind)
        checks.flag("round_timesteps", rounded)
        self._rounded = rounded and self._levels.discrete
        self._plan = plan(self.sampler, self.schedule)
        self.order = self._plan.calls_per_step
        told = told_levels(self._plan.calls)
        check_range(told, self._levels.sigma_min, self._levels.sigma_max)
        if hasattr(own, "alphas_cumprod"):
            self.alphas_cumprod = own.alphas_cumprod
        self._times = times_of(self._levels, told, self._rounded)
        self.num_inference_steps: int | None = None
        self._reset(None)

    @classmethod
    def from_design(
        cls,
        design: Any,
        scheduler: Any,
        *,
        sampler: Any = None,
        process: ProcessName | None = None,
        prediction_type: str | None = None,
        round_timesteps: bool = False,
    ) -> Any:
        """The scheduler that runs a design in place of another one.

        Parameters
        ----------
        design : Design, Refined, Schedule or array_like, shape (S+1,)
            A loaded schedule brings the solver that it was designed for.
        scheduler : SchedulerMixin
            The pipeline's own (``pipe.scheduler``): its configuration says what the network predicts, and when.
        sampler : str or Sampler, optional
            Needed for a schedule that remembers none.
        process : {"vp", "ve", "flow"}, optional
            Default: the design's; for a schedule that remembers none that of the network.
        prediction_type : str, optional
            Instead of the scheduler's.
        round_timesteps : bool
            For networks that take whole timesteps only.

        Raises
        ------
        TypeError, ValueError
            A scheduler of another kind, no solver, levels outside the network's range, a solver that does not fit, a
            solver refined on a network with other predictions.

        Warns
        -----
        UserWarning
            The design is for another process than the flow network's own, or starts well below its highest level.
        """
        network, known = configuration_of(_unwrapped(scheduler), prediction_type)
        levels, solver, kind = resolve(design, sampler, process, default=known.process)
        if known.process == "flow" and kind != "flow":
            tell(
                f"the design is for process={kind!r}, and pipelines start flow networks from noise of variance 1: "
                "design with process='flow'"
            )
            kind = "flow"
        found = cls(  # type: ignore[call-arg]
            sigmas=levels.sigmas.tolist(),
            sampler=saved.plain(solver.saved),
            process=kind,
            network=network,
            prediction_type=prediction_type or network.get("prediction_type", "epsilon"),
            num_train_timesteps=network.get("num_train_timesteps", 1000),
            use_flow_sigmas=known.process == "flow",
            round_timesteps=round_timesteps,
        )
        check_origin(levels, known)
        return found

    # -- what pipelines ask before a run ----------------------------------------------------------------------

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: Any = None,
        sigmas: Any = None,
        mu: float | None = None,
    ) -> None:
        """Begin a run; the schedule says how long. `mu` and the even `sigmas` that flow pipelines pass are ignored."""
        steps = self.schedule.steps
        if sigmas is not None:
            self._check_sigmas(np.asarray(sigmas, dtype=np.float64))
        elif num_inference_steps is not None and num_inference_steps != steps:
            raise ValueError(
                f"this schedule was made for {steps} steps, got num_inference_steps={num_inference_steps}: pass "
                f"num_inference_steps={steps}, or design one with {num_inference_steps}"
            )
        self.num_inference_steps = steps
        self._reset(device)

    def _check_sigmas(self, given: Any) -> None:
        """Pipelines of flow networks pass 1 ... 1/S where the caller passed nothing."""
        own = self.schedule.flow_times if self._levels.process == "flow" else self.schedule.sigmas
        steps = self.schedule.steps
        known = (np.linspace(1.0, 1.0 / steps, steps), own, own[:-1])
        if not any(given.shape == k.shape and np.allclose(given, k, rtol=1e-5, atol=1e-8) for k in known):
            raise ValueError(
                f"sigmas are those of the design ({steps} steps), got {given.size} others; make another scheduler with "
                "DesignedScheduler.from_design(specsched.Schedule(...), scheduler, sampler=...)"
            )

    def _reset(self, device: Any) -> None:
        import torch

        kind = torch.int64 if self._rounded else torch.float32
        self.timesteps = torch.as_tensor(self._times, dtype=kind, device=device)
        shown = [call.level for call in self._plan.calls] + [float(self.schedule.sigmas[-1])]
        levels = torch.tensor(shown, dtype=torch.float64)
        self.sigmas = (levels / (1.0 + levels) if self._levels.process == "flow" else levels).float()
        self._begin_index: int | None = None
        self._step_index: int | None = None
        self._execution: Execution | None = None

    @property
    def init_noise_sigma(self) -> float:
        """Scale of the initial noise."""
        return self._plan.start_deviation(self.process) * self._alpha(self._plan.calls[0].told)

    @property
    def begin_index(self) -> int | None:
        """Call with which the run begins."""
        return self._begin_index

    @property
    def step_index(self) -> int | None:
        """Call that comes next."""
        return self._step_index

    def set_begin_index(self, begin_index: int = 0) -> None:
        """Begin with this entry of `timesteps`, the first one of a step."""
        self._begin_index = begin_index

    def __reduce__(self) -> Any:
        # A copy is ready for a run of its own; the arrays of this one stay here.
        return _restored, (dict(self.config),)  # type: ignore[attr-defined]

    def __len__(self) -> int:
        return int(self.config["num_train_timesteps"])  # type: ignore[attr-defined]

    # -- what pipelines ask during a run ----------------------------------------------------------------------

    def scale_model_input(self, sample: Array, timestep: Any = None) -> Array:
        """The sample as the network takes it."""
        if self._levels.process != "ve":
            return sample
        return sample * self._levels.scales(self._plan.calls[self._index_of(timestep)].told)[0]

    def add_noise(self, original_samples: Array, noise: Array, timesteps: Array) -> Array:
        """Clean samples, noised to the levels of these timesteps (of the schedule), as image-to-image starts."""
        calls = [self._plan.calls[self._index_of(timestep)] for timestep in timesteps.reshape(-1)]
        ops = namespace_of("original_samples", original_samples)
        shape = (-1,) + (1,) * (original_samples.ndim - 1)
        alpha = ops.from_host(np.array([self._alpha(c.told) for c in calls]), original_samples).reshape(shape)
        level = ops.from_host(np.array([c.level for c in calls]), original_samples).reshape(shape)
        return alpha * original_samples + (alpha * level) * noise.to(original_samples.dtype)

    def scale_noise(self, sample: Array, timestep: Array, noise: Array) -> Array:
        """The same, as pipelines of flow networks call it."""
        return self.add_noise(sample, noise, timestep)

    def step(
        self,
        model_output: Array,
        timestep: Any,
        sample: Array,
        generator: Any = None,
        return_dict: bool = True,
    ) -> Any:
        """From the network's output to the sample on which it is to be asked next."""
        if self.num_inference_steps is None:
            raise ValueError("call set_timesteps before step")
        if self._execution is not None and self._execution.awaits is None:
            raise ValueError(f"the run of {len(self.timesteps)} calls is over; call set_timesteps again")
        wide = sample.float() if sample.element_size() < 4 else sample
        if self._execution is None:
            self._begin(timestep, wide, generator)
        execution = self._execution
        assert execution is not None
        assert execution.awaits is not None
        assert self._step_index is not None
        told = execution.awaits.level
        y = execution.state = wide / self._alpha(told)  # as the pipeline holds it: inpainting changes it
        _, keep, factor = self._levels.scales(told)
        output = model_output.to(wide.dtype)
        if output.ndim > 1 and output.shape[1] == 2 * wide.shape[1]:  # learned variances in a second half
            output = output[:, : wide.shape[1]]
        prediction = keep * y + factor * output
        execution.generator = generator
        execution.give(prediction)
        self._step_index += 1
        following = (execution.state * self._following_alpha(execution)).to(sample.dtype)
        out = Stepped(following, prediction.to(sample.dtype))
        return out if return_dict else tuple(out)

    def _begin(self, timestep: Any, wide: Array, generator: Any) -> None:
        index = self._index_of(timestep)
        run = self._plan if index == 0 else self._plan_from(index)
        ops = namespace_of("sample", wide)
        self._execution = Execution(run.program, wide / self._alpha(run.calls[0].told), ops, generator)
        self._step_index = index

    def _plan_from(self, index: int) -> Plan:
        """The run that begins in the middle; its calls must be those that the pipeline goes through."""
        calls = self._plan.calls
        if index < len(calls) and calls[index].opens:
            rest = plan(self.sampler, self.schedule, calls[index].step)
            told, due = told_levels(rest.calls), told_levels(calls[index:])
            if told.shape == due.shape and np.allclose(told, due, rtol=1e-9):
                return rest
        raise ValueError(
            f"{self.sampler.name} cannot begin with call {index} of {len(calls)}: change strength, or use a solver "
            "whose steps are all alike, such as Multistep or 'dpmpp_2m'"
        )

    def _index_of(self, timestep: Any) -> int:
        """Number of the call with this timestep; of several the one that comes next."""
        for known in (self._step_index, self._begin_index):
            if known is not None and (timestep is None or known == len(self.timesteps)):
                return min(known, len(self.timesteps) - 1)
            if known is not None and bool(self.timesteps[known] == timestep):
                return known
        if timestep is None:
            return 0
        found = (self.timesteps == timestep).nonzero().reshape(-1)
        if not len(found):
            raise ValueError(f"timestep {float(timestep):g} is none of the schedule's {len(self.timesteps)}")
        return int(
            found[1 if len(found) > 1 else 0]
        )  # diffusers: a run that begins here goes on to the next level

    def _alpha(self, told: float) -> float:
        """Factor from y to the sample of the pipeline."""
        return _core.signal_scale(process_code(self._levels.process), told)

    def _following_alpha(self, execution: Execution) -> float:
        if execution.awaits is not None:
            return self._alpha(execution.awaits.level)
        return _core.signal_scale(process_code(self.process), float(self.schedule.sigmas[-1]))


def _unwrapped(scheduler: Any) -> Any:
    """For a scheduler of this kind the one with which its network was trained."""
    return scheduler_from(scheduler.config["network"]) if isinstance(scheduler, Designed) else scheduler  # type: ignore[attr-defined]


def _restored(config: dict[str, Any]) -> Any:
    return scheduler_class().from_config(config)


@lru_cache(maxsize=1)
def scheduler_class() -> Any:
    """`DesignedScheduler`; made when it is first asked for, since it needs diffusers."""
    try:
        from diffusers import ConfigMixin, SchedulerMixin
        from diffusers.configuration_utils import register_to_config
    except ImportError:
        raise ImportError("DesignedScheduler needs diffusers: pip install 'specsched[frameworks]'") from None

    class DesignedScheduler(Designed, SchedulerMixin, ConfigMixin):  # type: ignore[misc]
        __doc__ = Designed.__doc__

        @register_to_config  # type: ignore[untyped-decorator]
        def __init__(
            self,
            sigmas: Sequence[float] | None = None,
            sampler: Mapping[str, Any] | None = None,
            process: ProcessName = "vp",
            network: Mapping[str, Any] | None = None,
            prediction_type: str | None = None,
            num_train_timesteps: int = 1000,
            use_flow_sigmas: bool = False,
            round_timesteps: bool = False,
        ) -> None:
            self._set_up(sigmas, sampler, process, network, prediction_type, round_timesteps)

    DesignedScheduler.__module__, _, DesignedScheduler.__qualname__ = DESIGNED.rpartition(".")
    return DesignedScheduler
