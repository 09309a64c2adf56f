"""The model card: what a model is for, what it learned from, what it is worth and where to be careful, in Markdown."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np

from noc_platform.fraud.gate import Verdict
from noc_platform.fraud.learning.comparing import Comparison
from noc_platform.fraud.learning.measures import Measure
from noc_platform.fraud.learning.slices import LEAST_FRAUDS
from noc_platform.fraud.training import Trained

MOST_FEATURES, MOST_SLICES = 10, 15
SHOWN = ("precision", "recall", "f1", "accuracy", "pr_auc", "roc_auc", "calibration_error", "brier")
PURPOSE = """\
## What it is for

It says how likely a reported state of an attendance (punched in, or punched out) is fraud, so that people look at the
likeliest first. It decides nothing about a person: an alert is a question. It knows only what was known at the moment
of the event, and only frauds of kinds that people have confirmed before; rules look beside it for what they are sure
of.
"""
CARE = """\
## Where to be careful

- Labels come from people, mostly about events that were flagged: the measures are of judged events. The corrected
  estimates of `model_performance` say what they are for all.
- A feature that is not known is filled with its median and flagged as unknown, never taken for zero.
- A new guard has little history, so several features are unknown, and the rules matter more.
- Beyond the ranges of training, which its manifest lists, a probability is a guess.
"""


def card(trained: Trained, verdict: Verdict, comparison: Comparison | None, tenant_id: str, as_of: datetime) -> str:
    """The card of one trained model, as of the moment it learned up to."""
    parts = [
        f"# Fraud model of {tenant_id}, {as_of:%Y-%m-%d %H:%M %Z}",
        _verdict(verdict),
        PURPOSE,
        _learning(trained),
        _worth(trained, comparison),
        _candidates(trained),
        _slices(trained),
        _features(trained),
        CARE,
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def reasons(verdict: Verdict) -> str:
    """The verdict, and every reason and warning it does not say itself, a line each."""
    lines = [
        *(f"- {each.says}" for each in verdict.reasons if each.says not in verdict.says),
        *(f"- To look at: {each.says}" for each in verdict.warnings),
    ]
    return "\n".join([verdict.says, *([""] if lines else []), *lines])


def _verdict(verdict: Verdict) -> str:
    return f"**{'Passed' if verdict.passed else 'Refused'}.** {reasons(verdict)}"


def _learning(trained: Trained) -> str:
    rows = _table(
        ("events", "rows", "frauds"),
        ((part, f"{count:,}", f"{trained.positives[part]:,}") for part, count in trained.rows.items()),
    )
    return (
        f"## How it learned\n\nA {trained.name.replace('_', ' ')}, its scores made probabilities by {trained.method} "
        f"calibration, flagging from {trained.threshold:.3f} on. Parted {trained.manner}; seed {trained.seed}. "
        f"{trained.base_rate:.1%} of what it learned from was fraud.\n\n{rows}"
    )


def _worth(trained: Trained, comparison: Comparison | None) -> str:
    numbers = trained.test.numbers
    table = _table(
        ("measure", "value", "95 % interval"),
        ((name, _number(numbers[name].value), _interval(numbers[name])) for name in SHOWN),
    )
    text = f"## What it is worth\n\nOn later events of people it has not met.\n\n{table}"
    if comparison is None:
        return f"{text}\n\nThere was no champion to compare it with."
    return (
        f"{text}\n\nBeside the champion, on the same {comparison.rows:,} events: F1 {comparison.challenger_f1:.3f} "
        f"against {comparison.champion_f1:.3f}, a difference of {_number(comparison.f1.value)} "
        f"({_interval(comparison.f1)}); PR-AUC {_number(comparison.pr_auc.value)} ({_interval(comparison.pr_auc)})."
    )


def _candidates(trained: Trained) -> str:
    lines = (
        (each.name, f"{each.validation_pr_auc:.3f}", *(_number(each.test.numbers[name].value) for name in SHOWN[:3]))
        for each in trained.candidates
    )
    return f"## What else was tried\n\n{_table(('kind', 'PR-AUC, validation', *SHOWN[:3]), lines)}"


def _slices(trained: Trained) -> str:
    told = sorted(
        (part for part in trained.slices if part.positives >= LEAST_FRAUDS), key=lambda part: part.recall.value
    )
    few = len(trained.slices) - len(told)
    note = f"\n\n{few:,} parts with fewer than {LEAST_FRAUDS} frauds say nothing alone." if few else ""
    if not told:
        return f"## Parts{note}" if few else ""
    table = _table(
        ("part", "frauds", "recall", "95 % interval", "elsewhere"),
        (
            (f"{part.name} {part.value}", f"{part.positives:,}", _number(part.recall.value), _interval(part.recall),
             _number(part.others_recall))
            for part in told[:MOST_SLICES]
        ),
    )  # fmt: skip
    return f"## Parts, the weakest first\n\n{table}{note}"


def _features(trained: Trained) -> str:
    ranked = sorted(trained.importances.items(), key=lambda each: -each[1])[:MOST_FEATURES]
    table = _table(("feature", "PR-AUC lost when shuffled"), ((name, f"{value:.4f}") for name, value in ranked))
    out = ", ".join(f"{name} ({why})" for name, why in sorted(trained.left_out.items()))
    return f"## What it looks at\n\n{table}" + (f"\n\nLeft out: {out}." if out else "")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _number(value: float) -> str:
    return "not defined" if np.isnan(value) else f"{value:.3f}"


def _interval(number: Measure) -> str:
    return "" if np.isnan(number.low) else f"{number.low:.3f} to {number.high:.3f}"
