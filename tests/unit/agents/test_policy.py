"""A policy is complete, consistent and has a version, or all its problems are reported."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.cdao import PolicyError, default_policy, default_policy_text, parse_policy
from agents.cdao.policy import Ageing
from tests.unit.agents.builders import policy_with


def _problems(*replacements: tuple[str, str]) -> tuple[str, ...]:
    with pytest.raises(PolicyError) as caught:
        policy_with(*replacements)
    return caught.value.problems


def test_the_packaged_policy_is_valid() -> None:
    """What is shipped can be used as it is."""
    policy = default_policy()

    assert {"ES", "MX"} <= set(policy.market.countries)


def test_every_packaged_setting_is_explained() -> None:
    """Each setting has a comment beside it or right above it."""
    lines = default_policy_text().splitlines()

    unexplained = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if re.match(r"\w+ = ", line) and "#" not in line and not before.startswith("#")
    ]

    assert unexplained == []


def test_version_is_of_the_values_alone() -> None:
    """Comments, spacing, order and repetition leave the version as it is."""
    changed = policy_with(
        ("# Score of a company", "# The score of a company"),
        ("baseline = 30", "decisive_trust=0.5"),
        ("decisive_trust = 0.5", "baseline  =  30"),
        ('["agriculture", "public_administration"]', '["public_administration", "agriculture"]'),
        ('"1-10" = 3000\n"11-50" = 8000', '"11-50" = 8000\n"1-10" = 3000'),
        ('own = ["emasai.com",', 'own = ["emasai.com", "emasai.com",'),
    )

    assert changed.version == default_policy().version


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("threshold = 65", "threshold = 66"),
        ("hiring = 6", "hiring = 7"),
        ('"AR", ', ""),
        ('"1-10" = 3000', '"1-10" = 3001'),
        ("lowest = 0.15", "lowest = 0.16"),
        ('"Odoo", ', ""),
        ('required = ["website", ', 'required = ["size", "website", '),
        ("settled_trust = 0.5", "settled_trust = 0.6"),
        ('rule_out = ["closure"]', "rule_out = []"),
    ],
)
def test_version_changes_with_any_value(old: str, new: str) -> None:
    """Two policies that may judge differently have different versions."""
    changed = policy_with((old, new))

    assert changed.version != default_policy().version


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("baseline = 30", "baseline = 65", "scoring cannot be used: the baseline must be below"),
        ("hiring = 6", "hiring = -6", "weights.hiring cannot be used: input should be greater"),
        ("award = 3", "prize = 3", "weights.news.prize cannot be used"),
        ("award = 3", "award = 101", "weights.news.award cannot be used: input should be less"),
        ('"ES",', '"EZ",', "market.countries.0 cannot be used: 'EZ' is no ISO 3166-1"),
        ('"tourism",\n]', '"circus",\n]', "market.target_sectors.13 cannot be used"),
        ('avoided_sizes = ["1-10"]', 'avoided_sizes = ["5001+"]', "both targeted and avoided"),
        ('["agriculture",', '["agriculture", "retail",', "both targeted and avoided: retail"),
        ('"ono.com"', '"www.Ono.com"', "'www.Ono.com' is no bare domain"),
        ("full_days = 90", "full_days = 540", "evidence.signals cannot be used: full_days must"),
        ('"1-10" = 3000\n', "", "by_size has no value for 1-10"),
        ("lowest = 0.15", "lowest = 0.9", "lowest must not be above highest"),
        ("lowest = 0.15", "lowest = nan", "probability.lowest cannot be used"),
        ("baseline = 30\n", "", "scoring.baseline is missing: add it"),
        ("hiring = 6", "hirring = 6\nhiring = 6", "weights.hirring is not a setting"),
        ('required = ["website", ', 'required = ["turnover", ', "opportunity.required.0 cannot be"),
        ("settled_trust = 0.5", "settled_trust = 0", "opportunity.settled_trust cannot be used"),
        ('["closure"]', '["award"]', "opportunity.rule_out.0 cannot be used: only closure and"),
        ('rule_out = ["closure"]\n', "", "opportunity.rule_out is missing: add it"),
        ("[scoring]", "[scoring", "not valid TOML; correct this: "),
    ],
)
def test_a_fault_is_named_with_its_setting(old: str, new: str, problem: str) -> None:
    """Each kind of fault is one sentence: which setting, what is wrong, what to do."""
    problems = _problems((old, new))

    assert len(problems) == 1
    assert problem in problems[0]


def test_all_faults_are_reported_at_once() -> None:
    """One start reports all three faults."""
    problems = _problems(
        ("hiring = 6", "hiring = -6"), ('"ES",', '"EZ",'), ("highest = 0.6", "highest = 6")
    )

    assert [p.split()[0] for p in problems] == [
        "weights.hiring",
        "market.countries.0",
        "probability.highest",
    ]


def test_broken_toml_is_reported_with_its_line() -> None:
    """The line of a typing error need not be searched for."""
    (problem,) = _problems(("threshold = 65", "threshold == 65"))

    line = 1 + default_policy_text().split("threshold = 65")[0].count("\n")
    assert f"line {line}, " in problem


def test_the_error_reads_as_a_list() -> None:
    """What is printed has the count and each problem on a line of its own."""
    with pytest.raises(PolicyError) as caught:
        parse_policy("")

    lines = str(caught.value).splitlines()
    assert lines[0] == "the policy has 9 problems:"
    assert lines[1].startswith("  - scoring is missing")


@given(st.timedeltas(), st.timedeltas())
def test_age_only_takes_weight_away(first: timedelta, second: timedelta) -> None:
    """An older claim never weighs more, and the weight stays between 0 and 1."""
    ageing = Ageing(full_days=10, none_days=20)

    younger, older = (ageing.factor(age) for age in sorted([first, second]))

    assert 1 >= younger >= older >= 0


def test_weight_falls_evenly_between_full_and_none() -> None:
    """Up to the first bound a claim counts in full, from the second on not at all."""
    ageing = Ageing(full_days=10, none_days=20)

    factors = [ageing.factor(timedelta(days=days)) for days in (-5, 10, 15, 20)]

    assert factors == [1, 1, 0.5, 0]
