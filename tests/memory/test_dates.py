"""Which stretches of time a question speaks of, asked on Wednesday, 15 November 2023."""

from datetime import UTC, datetime

import pytest

from punchlist.memory.dates import spans

NOW = datetime(2023, 11, 15, 13, tzinfo=UTC).timestamp()


def days(text, now=NOW):
    """[(first day, day after the last)] as ISO dates; "" for no end."""

    def told(moment):
        return "" if abs(moment) == float("inf") else datetime.fromtimestamp(moment, UTC).date().isoformat()

    return [(told(low), told(high)) for low, high in spans(text, now)]


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("What did she do in May 2023?", "2023-05-01", "2023-06-01"),
        ("in 2022", "2022-01-01", "2023-01-01"),
        ("on 3 June 2022", "2022-06-03", "2022-06-04"),
        ("on June 3rd, 2022", "2022-06-03", "2022-06-04"),
        ("the 3rd of June, 2022", "2022-06-03", "2022-06-04"),
        ("on 2023-05-08", "2023-05-08", "2023-05-09"),
        ("during summer 2022", "2022-06-01", "2022-09-01"),
        ("in winter 2022", "2022-12-01", "2023-03-01"),
        ("two weeks ago", "2023-10-30", "2023-11-06"),
        ("3 days ago", "2023-11-12", "2023-11-13"),
        ("a couple of days ago", "2023-11-13", "2023-11-14"),
        ("a year ago", "2022-01-01", "2023-01-01"),
        ("one month ago", "2023-10-01", "2023-11-01"),
        ("yesterday", "2023-11-14", "2023-11-15"),
        ("today", "2023-11-15", "2023-11-16"),
        ("last week", "2023-11-06", "2023-11-13"),
        ("this week", "2023-11-13", "2023-11-20"),
        ("last weekend", "2023-11-11", "2023-11-13"),
        ("last month", "2023-10-01", "2023-11-01"),
        ("next month", "2023-12-01", "2024-01-01"),
        ("last May", "2023-05-01", "2023-06-01"),
        ("last December", "2022-12-01", "2023-01-01"),
        ("next May", "2024-05-01", "2024-06-01"),
        ("last summer", "2023-06-01", "2023-09-01"),
        ("last Monday", "2023-11-13", "2023-11-14"),
        ("last Wednesday", "2023-11-08", "2023-11-09"),
        ("next Friday", "2023-11-17", "2023-11-18"),
        ("on Friday", "2023-11-10", "2023-11-11"),
        ("in the last three days", "2023-11-12", "2023-11-15"),
        ("since March 2023", "2023-03-01", "2023-11-15"),
        ("before June 2023", "", "2023-06-01"),
        ("after 5 May, 2023", "2023-05-06", ""),
        ("the week before 27 June 2023", "2023-06-20", "2023-06-27"),
        ("between May and July 2023", "2023-05-01", "2023-08-01"),
        ("between November and February 2023", "2022-11-01", "2023-03-01"),
        ("between 3 June 2023 and 5 July 2023", "2023-06-03", "2023-07-06"),
        ("from June 3rd to July 5th, 2023", "2023-06-03", "2023-07-06"),
        ("from 2019 to 2021", "2019-01-01", "2022-01-01"),
        ("between 2023-05-08 and 2023-05-10", "2023-05-08", "2023-05-11"),
        ("on 13/5/2023", "2023-05-13", "2023-05-14"),
        ("on 5/13/2023", "2023-05-13", "2023-05-14"),
        ("on 5/5/2023", "2023-05-05", "2023-05-06"),
        ("two weeks before August 11, 2023", "2023-07-28", "2023-08-04"),
    ],
)
def test_an_expression_names_a_stretch(text, first, after):
    assert days(text) == [(first, after)]


def test_a_day_without_its_year_is_the_last_one_and_the_next_one():
    assert days("on 3 June") == [("2023-06-03", "2023-06-04"), ("2024-06-03", "2024-06-04")]
    assert days("in December") == [("2022-12-01", "2023-01-01"), ("2023-12-01", "2024-01-01")]


def test_a_range_without_a_year_is_the_last_one_and_the_next_one():
    assert days("between May and July") == [("2023-05-01", "2023-08-01"), ("2024-05-01", "2024-08-01")]
    assert days("from November to February")[0] == ("2023-11-01", "2024-03-01")


def test_a_date_that_may_be_two_is_both():
    assert days("on 3/5/2023") == [("2023-05-03", "2023-05-04"), ("2023-03-05", "2023-03-06")]


def test_several_dates_are_several_stretches():
    assert len(days("On 3 June 2023 or on 5 July 2023, what did she read?")) == 2


@pytest.mark.parametrize(
    "text",
    [
        "May I come in?",
        "What is her name?",
        "31 June 2023 to",
        "2023-13-45",
        "room 2101b",
        "Who sleeps in room 2019?",
        "Invoice no. 2021 and order #2022",
        "31/31/2023 is no day",
        "the march of time",
        "",
    ],
)
def test_what_is_no_date_names_nothing(text):
    assert [each for each in days(text) if each != ("2023-01-01", "2024-01-01")] == []


@pytest.mark.parametrize("now", [float("nan"), float("inf"), 1e18, -1e18])
def test_a_clock_that_is_out_of_range_names_nothing(now):
    assert spans("last week", now) == []


def test_of_a_long_text_the_beginning_is_looked_through():
    long = "In May 2023 " + "2022-05-08 " * 200_000

    assert len(spans(long, NOW)) < 200
    assert spans("x " * 500_000 + "in May 2023", NOW) == []


def test_leap_days_and_ends_of_months_are_real_days():
    leap = datetime(2024, 3, 31, tzinfo=UTC).timestamp()

    assert days("a month ago", leap) == [("2024-02-01", "2024-03-01")]
    assert days("on 29 February 2024", leap) == [("2024-02-29", "2024-03-01")]
