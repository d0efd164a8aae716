"""The learning rate as a function of the step alone, so that a resumed run needs no memory of it."""

import math

from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings


def rate_share(step: int, settings: TrainingSettings) -> float:
    """The learning rate at a step, as a share of the top rate.

    A geometric warm-up from `warmup_start`, then the decay to `final_rate` at the schedule's last step (LightTrack's
    tracking recipe: five epochs from .01 to .03, then evenly in the logarithm to 1e-4).

    Args:
        step: Optimiser step, from 0.
        settings: The schedule.
    """
    if step < settings.warmup_steps:
        return settings.warmup_start ** (1 - step / settings.warmup_steps)
    length = max((settings.schedule_steps or settings.steps) - 1 - settings.warmup_steps, 1)
    passed = min((step - settings.warmup_steps) / length, 1.0)
    low = settings.final_rate
    if settings.decay == "cosine":
        return low + (1 - low) * 0.5 * (1 + math.cos(math.pi * passed))
    if settings.decay == "linear":
        return 1 - (1 - low) * passed
    return max(low, 1e-12) ** passed
