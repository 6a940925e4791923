"""What outcomes say of a lesson or a skill: whether it still helps.

A lesson is tied to a check. It is retired when, after at least `LEAST_TRIALS` uses, the check seems no
likelier to hold with it than without: the probability that it holds more often, from the outcomes of both
under equal priors, is below `DOUBT`. While fewer than `LEAST_TRIALS` outcomes without it are known it must be
below `STRONG_DOUBT`, so that a lesson of a hard check is not retired for the check being hard.

A skill is retired when it did not work `SKILL_FAILURES` times running.

Only the latest `records.MOST_OUTCOMES` outcomes count, so that what stopped helping is seen whatever it once
did. Does not cover: tasks that became harder or easier meanwhile, unless the outcomes without it are as new.
"""

from __future__ import annotations

import math

from .records import Record

LEAST_TRIALS = 8
DOUBT, STRONG_DOUBT = 0.4, 0.2
SKILL_FAILURES = 5


def chance_of_helping(given: str, without: str) -> float:
    """Probability that a check holds more often with a lesson than without.

    Args:
        given, without: Outcomes with and without it, `+` or `-` each.

    Source: the exact sum for two beta distributions with uniform priors, Miller 2014, "Formulas for Bayesian
    A/B Testing".
    """
    held, failed = given.count("+") + 1, given.count("-") + 1
    alone, missed = without.count("+") + 1, without.count("-") + 1
    return math.fsum(
        math.exp(
            _log_beta(alone + more, failed + missed)
            - math.log(failed + more)
            - _log_beta(1 + more, failed)
            - _log_beta(alone, missed)
        )
        for more in range(held)
    )


def retirement(record: Record, without: str) -> str:
    """Why a record is to be retired, in words; empty where it is not.

    Args:
        without: Outcomes of a lesson's check where no lesson was recalled.
    """
    given = record.outcomes
    if record.kind == "skill":
        worked = "+" in given[-SKILL_FAILURES:] or len(given) < SKILL_FAILURES
        return "" if worked else f"it did not work {SKILL_FAILURES} times running"
    doubt = DOUBT if len(without) >= LEAST_TRIALS else STRONG_DOUBT
    if len(given) < LEAST_TRIALS or chance_of_helping(given, without) >= doubt:
        return ""
    alone = f"{without.count('+')} of {len(without)} times" if without else "never seen"
    return f"its check held {given.count('+')} of {len(given)} times with it, without it {alone}"


def _log_beta(one: int, other: int) -> float:
    return math.lgamma(one) + math.lgamma(other) - math.lgamma(one + other)
