"""What is logged is one line of JSON without a person in it; another package of our name is found out."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

import scheduler
from policies.facts import SECOND, Person
from scheduler.bootstrap import ForeignPackageError, check_package, configure_logging
from scheduler.clock import MovedClock

CLOCK = MovedClock(1_700_000_000 * SECOND)
PERSON = Person("b1", "Ann", "Okoro", "en", "Africa/Lagos", "NG", phone="+2348000000000")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Leave the process's logging as it was found."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def logged(as_json: bool = True, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    configure_logging(CLOCK, level=level, as_json=as_json, stream=stream)
    return stream


def test_an_event_is_one_line_of_json_with_the_time_of_our_clock() -> None:
    stream = logged()
    structlog.get_logger("engine").info("claimed", borrowers=3)
    assert json.loads(stream.getvalue()) == {
        "event": "claimed",
        "borrowers": 3,
        "level": "info",
        "logger": "engine",
        "at": "2023-11-14T22:13:20.000+00:00",
    }


@pytest.mark.parametrize("key", ["phone", "email", "first_name", "to", "body", "Subject", "auth_token", "database_url"])
def test_what_lies_under_a_personal_key_is_redacted_at_any_depth(key: str) -> None:
    stream = logged()
    structlog.get_logger().info("x", **{key: "Okoro"}, inner={"rows": [{key: ["Okoro"]}]})
    assert "Okoro" not in stream.getvalue()
    assert stream.getvalue().count("[redacted]") == 2


def test_an_object_is_logged_as_its_type() -> None:
    stream = logged()
    structlog.get_logger().info("x", who=PERSON, many=[PERSON])
    assert "Okoro" not in stream.getvalue()
    assert json.loads(stream.getvalue())["who"] == "<Person>"


def fail() -> None:
    raise ValueError("Okoro owes")


@pytest.mark.parametrize("through", [structlog.get_logger, logging.getLogger])
def test_an_exception_is_logged_by_type_and_place_without_its_words(through: object) -> None:
    stream = logged()
    try:
        fail()
    except ValueError:
        through("engine").exception("broken")  # type: ignore[operator]
    found = json.loads(stream.getvalue())
    assert "Okoro" not in stream.getvalue()
    assert found["error"] == "ValueError"
    assert found["error_places"][-1].endswith(" fail")


def test_the_standard_librarys_log_goes_the_same_way() -> None:
    stream = logged()
    logging.getLogger("alembic.runtime").warning("odd %s", "job")
    found = json.loads(stream.getvalue())
    assert (found["event"], found["level"], found["logger"]) == ("odd job", "warning", "alembic.runtime")


def test_what_is_below_the_level_is_not_logged() -> None:
    stream = logged(level="warning")
    structlog.get_logger().info("x")
    logging.getLogger("y").info("x")
    assert stream.getvalue() == ""


@given(st.text(alphabet=st.characters(codec=None, exclude_categories=[])), st.booleans())
def test_no_text_can_make_a_second_line_or_a_control_character(text: str, as_json: bool) -> None:
    stream = logged(as_json)
    structlog.get_logger().info(text, given=text, nested={"given": [text]})
    line = stream.getvalue()
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    if as_json:
        found = json.loads(line)
        assert found["event"].encode("utf-16", "surrogatepass") == text.encode("utf-16", "surrogatepass")


def test_our_own_package_is_accepted() -> None:
    check_package()


def test_a_foreign_package_of_the_same_name_is_found_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(scheduler, "__file__", str(tmp_path / "scheduler" / "__init__.py"))
    with pytest.raises(ForeignPackageError, match="pip uninstall scheduler"):
        check_package()


def test_a_foreign_package_that_was_written_over_ours_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(scheduler, "DISTRIBUTION")
    with pytest.raises(ForeignPackageError, match="is not duly's"):
        check_package()
