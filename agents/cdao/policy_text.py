"""A policy file's text into a `Policy`, with a sentence for everything that is wrong in it."""

import tomllib
from importlib import resources

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .errors import PolicyError
from .policy import Policy


def parse_policy(text: str) -> Policy:
    """Read a policy from TOML.

    Raises:
        PolicyError: With every problem at once, or with the line where the TOML breaks off.
    """
    try:
        return Policy.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        # A full stop would read as part of the position.
        raise PolicyError((f"the policy is not valid TOML; correct this: {error}",)) from None
    except ValidationError as error:
        raise PolicyError(tuple(_sentence(problem) for problem in error.errors())) from None


def default_policy() -> Policy:
    """Read the packaged `policy.toml`: the one file the agent's package ever opens."""
    return parse_policy(default_policy_text())


def default_policy_text() -> str:
    """Return the packaged `policy.toml` as it is, comments included, to start a policy from."""
    return resources.files(__package__).joinpath("policy.toml").read_text(encoding="utf-8")


def _sentence(problem: ErrorDetails) -> str:
    # Pydantic adds the marker to what is wrong with a table's key instead of its value.
    setting = ".".join(str(part) for part in problem["loc"] if part != "[key]")
    match problem["type"]:
        case "missing":
            return f"{setting} is missing: add it, as in the packaged policy.toml"
        case "extra_forbidden":
            return f"{setting} is not a setting: correct its spelling or remove it"
        case _:
            message = problem["msg"].removeprefix("Value error, ")
            return f"{setting} cannot be used: {message[0].lower()}{message[1:]}; change it"
