"""The loop of a training run: steps, validations, checkpoints, and going on from one."""

import math
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

import child
from training import left_out
from training import plan
from training.checkpoints import Checkpoints, random_states, restore_random_states
from training.conversations import Dataset
from training.failures import TrainError
from training.job import Job
from training.plan import factor
from training.reply_loss import example_losses, parts, summed_loss


def finite(loss: float, where: str) -> float:
    if not math.isfinite(loss):
        raise TrainError("nan_loss", f"the loss became {loss} ({where})",
                         "Lower learning_rate, or look for broken examples in the dataset.")
    return loss


class Clock:
    """Measured speed, and from it the time left."""

    def __init__(self) -> None:
        self.recent: deque[tuple[int, float]] = deque(maxlen=20)
        self.tokens, self.seconds = 0, 0.0  # of this process's steps

    def step(self, tokens: int, seconds: float) -> None:
        self.recent.append((tokens, seconds))
        self.tokens += tokens
        self.seconds += seconds

    @property
    def tokens_per_second(self) -> float:
        return sum(tokens for tokens, _ in self.recent) / sum(seconds for _, seconds in self.recent)


@dataclass
class State:
    """What a run has come to; with the weights, the optimiser and the random states, all of it."""

    step: int = 0
    tokens: int = 0
    epoch: int = 0
    epoch_loss: float = 0.0  # summed over the epoch's reply tokens so far
    epoch_reply_tokens: int = 0
    base_loss: float | None = None
    validations: list[list[float]] = field(default_factory=list)  # [step, loss]
    best_loss: float | None = None
    best_step: int = 0
    without_gain: int = 0  # validations since the best
    stopped_early: bool = False
    seconds: float = 0.0  # of the attempts before this one
    cpu_seconds: float = 0.0
    resumed: int = 0
    # Of each held-out example, summed over its reply tokens: without the adapter, and with the weights that are kept.
    base_losses: list[float] = field(default_factory=list)
    kept_losses: list[float] = field(default_factory=list)


class TrainingRun:
    def __init__(self, job: Job, model, training: Dataset, validation: Dataset, team, checkpoints: Checkpoints, began: float, resources):
        self.job, self.model, self.team, self.checkpoints, self.began, self.resources = job, model, team, checkpoints, began, resources
        self.training, self.validation = training.examples, validation.examples
        self.reply_tokens, self.validation_tokens = training.reply_tokens, validation.reply_tokens
        # LoRA layers sit inside the plain model, which is therefore what is trained.
        self.plain = model.get_base_model()
        self.weights = [weight for weight in model.parameters() if weight.requires_grad]
        self.plan = plan.steps(self.training, job)
        self.tokens_total = sum(len(self.training[index].ids) for step in self.plan for index in step.examples)
        device = self.weights[0].device.type
        self.optimiser = torch.optim.AdamW(self.weights, lr=job.learning_rate, weight_decay=job.weight_decay, fused=device in ("cpu", "cuda"))
        self.state, self.clock = State(), Clock()
        self.best_weights: list[torch.Tensor] | None = None
        self.validation_seconds = 0.0
        self.losses: list[float] = []  # of the last evaluation, each held-out example's
        self.saved_at = time.monotonic()
        self.largest_part = 0

    @property
    def seconds(self) -> float:
        """Of all attempts."""
        return self.state.seconds + time.monotonic() - self.began

    # Beginning and going on

    def train(self) -> None:
        if not self.resume():
            with self.model.disable_adapter():
                self.state.base_loss = self.evaluate(
                    lambda done: child.emit({"event": "baseline", "done": done, "of": len(self.validation)}))
                self.state.base_losses = self.losses
            self.save()
            if unreached := left_out.not_reached(len(self.training), self.plan):
                child.emit({"event": "warning"} | unreached)
            child.emit({"event": "started"} | self.facts())
        steps = iter(self.plan[self.state.step :])
        for step in steps if not self.state.stopped_early else ():
            self.take(step)
            if self.state.stopped_early:
                break
        self.choose_weights()

    def facts(self) -> dict[str, Any]:
        return {"examples": len(self.training), "validation_examples": len(self.validation), "steps": len(self.plan),
                "tokens_total": self.tokens_total, "reply_tokens": self.reply_tokens, "base_validation_loss": self.state.base_loss}

    def resume(self) -> bool:
        """Go on from the last whole checkpoint; all members from the leader's."""
        found, damaged = self.checkpoints.load() if self.team.leads else (None, [])
        found, damaged = self.team.share((found, damaged))
        if damaged:
            where = f"going on from step {found['state']['step']}" if found else "beginning anew"
            child.emit({"event": "warning", "code": "checkpoint_damaged", "count": len(damaged),
                        "message": f"{len(damaged)} damaged checkpoint(s) ({', '.join(damaged)}) were passed over; {where}"})
        if self.team.leads:
            self.checkpoints.forget(damaged if found else None)  # or another run's
        if not found:
            return False
        self.state = State(**found["state"])
        self.state.resumed += 1
        self.load_weights(found["weights"])
        self.best_weights = found["best_weights"] if found["best_weights"] is not None else \
            [weight.clone() for weight in found["weights"]] if self.state.best_loss is not None and self.job.keep_best else None
        self.optimiser.load_state_dict(found["optimiser"])
        random = found["random"]
        if self.team.rank < len(random):
            restore_random_states(random[self.team.rank])
        child.emit({"event": "resumed", "step": self.state.step, "tokens": self.state.tokens, "epoch": self.state.epoch} | self.facts())
        return True

    def save(self) -> None:
        random = self.team.gather(random_states())
        cpu = sum(self.team.gather(self.resources.cpu()))
        if self.team.leads:
            state = asdict(self.state) | {"seconds": self.seconds, "cpu_seconds": self.state.cpu_seconds + cpu}
            is_best = self.state.best_step == self.state.step
            self.checkpoints.save(self.state.step, {
                "state": state, "weights": [weight.detach() for weight in self.weights], "optimiser": self.optimiser.state_dict(),
                "best_weights": None if is_best else self.best_weights, "random": random})
        self.saved_at = time.monotonic()

    # One step

    def take(self, step: plan.Step) -> None:
        began = time.monotonic()
        state, job = self.state, self.job
        self.checkpoints.require_folder()
        self.model.train()
        if step.epoch != state.epoch:
            state.epoch, state.epoch_loss, state.epoch_reply_tokens = step.epoch, 0.0, 0
        batch = sorted((self.training[index] for index in step.examples), key=lambda example: len(example.ids))
        reply_tokens = sum(len(example.replies) for example in batch)
        loss = 0.0
        for part in parts(self.team.part(batch)):
            part_loss = summed_loss(self.plain, part) / reply_tokens
            loss += part_loss.item()
            part_loss.backward()
            self.largest_part = max(self.largest_part, sum(len(example.ids) for example in part))
        due = self.team.leads and time.monotonic() - self.saved_at >= job.checkpoint_seconds
        loss, due = self.team.sum_gradients(self.weights, [loss, float(due)])
        finite(loss, f"step {state.step + 1}")
        norm = torch.nn.utils.clip_grad_norm_(self.weights, job.max_grad_norm or math.inf)
        finite(norm.item(), f"gradient of step {state.step + 1}")
        learning_rate = job.learning_rate * factor(job.lr_schedule, job.warmup, state.step, len(self.plan))
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)

        tokens = sum(len(example.ids) for example in batch)
        state.step += 1
        state.tokens += tokens
        state.epoch_loss += loss * reply_tokens
        state.epoch_reply_tokens += reply_tokens
        self.clock.step(tokens, max(time.monotonic() - began, 1e-6))
        child.emit({
            "event": "progress", "step": state.step, "steps": len(self.plan), "epoch": step.epoch, "tokens": state.tokens,
            "tokens_total": self.tokens_total, "loss": round(loss, 5), "learning_rate": learning_rate,
            "tokens_per_second": round(self.clock.tokens_per_second, 1), "seconds_left": round(self.seconds_left, 1),
        })
        if self.validates_after(step):
            self.validate()
        if due or step.ends_epoch or state.step == len(self.plan):
            self.save()

    @property
    def seconds_left(self) -> float:
        left = self.plan[self.state.step :]
        validations = sum(self.validates_after(step, at) for at, step in enumerate(left, self.state.step + 1)) if self.validation else 0
        return (self.tokens_total - self.state.tokens) / self.clock.tokens_per_second + validations * self.validation_seconds

    # Validation

    def validates_after(self, step: plan.Step, number: int | None = None) -> bool:
        number = number or self.state.step
        every = self.job.evaluate_every
        return number == len(self.plan) or (number % every == 0 if every else step.ends_epoch)

    def validate(self) -> None:
        state = self.state
        loss = self.evaluate()
        if loss is None:
            return
        state.validations.append([state.step, loss])
        is_best = state.best_loss is None or loss < state.best_loss
        if is_best or not self.job.keep_best:
            state.kept_losses = self.losses
        if is_best:
            state.best_loss, state.best_step, state.without_gain = loss, state.step, 0
            if self.job.keep_best:
                self.best_weights = [weight.detach().to("cpu", copy=True) for weight in self.weights]
        else:
            state.without_gain += 1
        child.emit({"event": "validation", "step": state.step, "epoch": state.epoch, "loss": loss, "best": is_best})
        if self.job.patience and state.without_gain >= self.job.patience and state.step < len(self.plan):
            state.stopped_early = True
            self.save()
            child.emit({"event": "stopped_early", "step": state.step, "steps": len(self.plan), "epoch": state.epoch, "message":
                        f"the validation loss did not fall for {state.without_gain} validations; the best was at step {state.best_step}"})

    @torch.no_grad()
    def evaluate(self, report=lambda done: None) -> float | None:
        """Mean loss per reply token; None without examples."""
        if not self.validation:
            return None
        began = time.monotonic()
        self.model.eval()
        places = {id(example): place for place, example in enumerate(self.validation)}
        own: list[tuple[int, float]] = []
        for part in parts(self.team.part(sorted(self.validation, key=lambda example: len(example.ids)))):
            own += zip((places[id(example)] for example in part), example_losses(self.plain, part))
            report(min(len(own) * self.team.size, len(self.validation)))
        self.losses = [loss for _, loss in sorted(pair for pairs in self.team.gather(own) for pair in pairs)]
        self.validation_seconds = time.monotonic() - began
        return finite(math.fsum(self.losses) / self.validation_tokens, "validation")

    # The end

    def load_weights(self, weights: list[torch.Tensor]) -> None:
        with torch.no_grad():
            for weight, value in zip(self.weights, weights, strict=True):
                weight.copy_(value)

    def choose_weights(self) -> None:
        if self.best_weights is not None and self.state.best_step != self.state.step:
            self.load_weights(self.best_weights)

    def result(self) -> dict[str, Any]:
        state = self.state
        last = state.validations[-1][1] if state.validations else None
        return {
            "examples": len(self.training), "validation_examples": len(self.validation),
            "train_loss": state.epoch_loss / max(1, state.epoch_reply_tokens),
            "validation_loss": state.best_loss if self.job.keep_best else last, "base_validation_loss": state.base_loss,
            "validations": state.validations, "best_step": state.best_step if self.job.keep_best and state.validations else state.step,
            "reply_tokens": self.reply_tokens, "steps": state.step, "planned_steps": len(self.plan), "tokens": state.tokens,
            "stopped_early": state.stopped_early, "resumed": state.resumed,
        }

    def held_out(self) -> list[dict[str, Any]]:
        """Each held-out example: its reply tokens, and its loss without and with the exported adapter."""
        return [{"tokens": len(example.replies), "base": base, "adapter": kept}
                for example, base, kept in zip(self.validation, self.state.base_losses, self.state.kept_losses)]

    def export_folded(self, base, out) -> dict[str, Any]:
        """A DoRA adapter for llama.cpp, which knows LoRA alone: the nearest one of twice the rank, and
        the validation loss that this one has."""
        from serving import export_gguf
        from training.folding import fold
        from peft import LoraConfig

        rank = 2 * self.job.rank
        folded, rest = fold(self.model, "default", rank, self.job.seed)
        export_gguf.write(((name.removeprefix("base_model.model."), which, matrix.numpy()) for name, pair in folded.items()
                           for which, matrix in zip("AB", pair)), float(rank), base, out)
        self.model.add_adapter("folded", LoraConfig(r=rank, lora_alpha=rank, target_modules=self.job.target_modules, task_type="CAUSAL_LM"))
        self.model.set_adapter("folded")
        with torch.no_grad():
            for name, module in self.model.named_modules():
                if name in folded:
                    a, b = folded[name]
                    module.lora_A["folded"].weight[: len(a)] = a
                    module.lora_B["folded"].weight.zero_()[:, : b.shape[1]] = b
        team, self.team = self.team, type(self.team)()  # the others are done
        loss = self.evaluate()
        self.team = team
        self.state.kept_losses = self.losses
        self.model.set_adapter("default")
        return {"folded_rank": rank, "folded_rest": round(rest, 4), "dora_validation_loss": self.result()["validation_loss"],
                "validation_loss": loss}
