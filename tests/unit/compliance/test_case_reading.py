"""What a case file may say, and what the guard is asked with for it."""

from __future__ import annotations

from datetime import date, datetime
from textwrap import indent

import pytest

from policies.calendar import to_instant, zone
from policies.compliance.case_judge import judge_case
from policies.compliance.case_known import Known
from policies.compliance.cases import Case, read
from policies.compliance.dossier import CONSENT, CONSENT_WITHDRAWN, INCONVENIENT, LIFTED, OPT_IN, OPT_OUT, Note, Times
from policies.compliance.packs import UnknownPack

KNOWN = Known(
    notes=("bankruptcy_filed", "cease_written", "collection_pause", "contact_refusal", "creditor_email_notice",
           "death_recorded", "dispute_written", "moratorium_start", "moratorium_*ended", "sensitive_occasion",
           "validation_notice_sent"),
    contents=("profanity", "threat_*"),
    flags=frozenset({"attorney", "attorney_unresponsive", "employer_prohibits", "time_barred"}),
    options={"apply_regf_to_first_party": "first_party_as_collector", "optout_scope": "optout_scope"},
)  # fmt: skip

HEAD = """\
- id: one
  jurisdiction: US
  pack: us
  location_evidence: [{evidence: residence_address, tz: America/New_York}]
"""
PROPOSED = "proposed: {at: '2026-10-14T11:00:00-04:00', channel: sms, purpose: reminder}\n"
EXPECTED = "expected: {decision: send, rule: R}\n"
NEW_YORK = zone("America/New_York")
WEEKDAYS = frozenset(range(5))


def case_of(*parts: str, proposed: str = PROPOSED) -> Case:
    text = HEAD + indent("".join((*parts, proposed, EXPECTED)), "  ")
    (case,), problems = read("c.yaml", f"cases:\n{text}", lambda names: KNOWN, KNOWN)
    assert problems == []
    return case


def good(*parts: str, proposed: str = PROPOSED) -> Case:
    case = case_of(*parts, proposed=proposed)
    assert case.problems == ()
    return case


def event(text: str) -> str:
    return f"prior_events: [{{at: '2026-10-05T10:00:00-04:00', {text}}}]\n"


def notes_of(text: str) -> tuple[Note, ...]:
    return good(event(text)).dossier.notes


def instant(text: str) -> int:
    return to_instant(datetime.fromisoformat(text))


AT = instant("2026-10-05T10:00:00-04:00")


# --- contacts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "channel", "inbound"),
    [
        ("type: call, outcome: ring_out", "call", False),
        ("type: phone_call", "call", False),
        ("type: ringless_voicemail", "ringless_voicemail", False),
        ("type: text", "sms", False),
        ("type: mail", "letter", False),
        ("type: inbound, channel: email", "email", True),
        ("type: inbound_call, outcome: spoke", "call", True),
        ("type: call, direction: inbound", "call", True),
        ("type: outbound, channel: push", "push", False),
        ("type: field_visit", "visit", False),
    ],
)
def test_a_contact_is_known_by_its_channel(written: str, channel: str, inbound: bool) -> None:
    (contact,) = good(event(written)).dossier.contacts
    assert (contact.channel, contact.inbound, contact.at, contact.debts) == (channel, inbound, AT, ("D1",))


@pytest.mark.parametrize(
    ("written", "outcome"),
    [
        ("ring_out", "no_answer"), ("busy_signal", "busy"), ("out_of_service", "not_in_service"),
        ("left_message", "voicemail_left"), ("hung_up", "answered_then_dropped"), ("talked", "conversation"),
    ],
)  # fmt: skip
def test_an_outcome_may_be_told_in_other_words(written: str, outcome: str) -> None:
    (contact,) = good(event(f"type: call, outcome: {written}")).dossier.contacts
    assert contact.outcome == outcome


def test_who_was_contacted_by_whom_about_what() -> None:
    (contact,) = good(
        event("type: call, person: ATTORNEY, relation: attorney, by: agency_B, debts: [D1, D2], number: m1")
    ).dossier.contacts
    assert (contact.person, contact.by, contact.debts, contact.address) == ("ATTORNEY", "agency_B", ("D1", "D2"), "m1")


def test_the_borrower_has_no_name_of_their_own() -> None:
    (contact,) = good(event("type: call, person: P1, by: us")).dossier.contacts
    assert (contact.person, contact.by) == (None, "us")


# --- times ------------------------------------------------------------------------------------------------------


def test_a_named_time_is_a_span_of_the_week() -> None:
    windows = "windows: [{days: [mon, tue, wed, thu, fri], from: '15:00', to: '17:00'}]"
    (note,) = notes_of(f"type: designate_inconvenient, {windows}")
    assert (note.type, note.times) == (INCONVENIENT, (Times(WEEKDAYS, 15 * 3600, 17 * 3600),))


def test_a_time_past_midnight_goes_on_the_next_day() -> None:
    (note,) = notes_of("type: quiet_hours, windows: [{days: sat, from: '22:00', to: '06:00'}]")
    assert note.times == (Times(frozenset({5}), 22 * 3600, 86_400), Times(frozenset({6}), 0, 6 * 3600))


def test_the_only_times_that_suit_close_all_others() -> None:
    (note,) = notes_of("type: designate_convenient, windows: [{from: '14:00', to: '18:00'}]")
    closed = {(t.opens, t.closes) for t in note.times}
    assert closed == {(0, 14 * 3600), (18 * 3600, 86_400)}
    assert {day for t in note.times for day in t.days} == set(range(7))


def test_a_single_day_is_closed_in_its_own_week_only() -> None:
    (note,) = notes_of("type: designate_inconvenient, dates: ['2026-10-21']")
    assert note.times == (Times(frozenset({2}), 0, 86_400),)
    assert (note.at, note.until) == (instant("2026-10-15T00:00:00-04:00"), instant("2026-10-22T00:00:00-04:00"))


def test_a_designation_is_lifted() -> None:
    assert [n.type for n in notes_of("type: designate_inconvenient_lifted")] == [LIFTED]


def test_a_statement_that_designates_nothing_leaves_no_note() -> None:
    assert notes_of("type: consumer_statement, text: I am busy, designates: false") == ()


# --- refusals and consents --------------------------------------------------------------------------------------


def test_a_refusal_of_calls_is_of_every_kind_of_call() -> None:
    notes = notes_of("type: medium_request, channel: call")
    assert {n.channel for n in notes} == {"call", "voicemail", "ringless_voicemail", "robocall"}
    assert {n.type for n in notes} == {OPT_OUT}


def test_a_refusal_may_name_a_number() -> None:
    (note,) = notes_of("type: medium_request, channel: sms, number: n1")
    assert (note.type, note.channel, note.address) == (OPT_OUT, "sms", "n1")


@pytest.mark.parametrize(("text", "type_"), [("STOP", OPT_OUT), ("START", OPT_IN)])
def test_what_a_person_wrote_is_heard(text: str, type_: str) -> None:
    (note,) = notes_of(f"type: inbound, channel: sms, text: {text}, program: loan_A")
    assert (note.type, note.channel, note.program) == (type_, "sms", "loan_A")


def test_other_words_are_no_refusal() -> None:
    assert notes_of("type: inbound, channel: sms, text: ok") == ()


def test_all_media_but_one_are_refused() -> None:
    notes = notes_of("type: medium_request, only: email")
    assert "email" not in {n.channel for n in notes}
    assert {"sms", "call", "letter"} <= {n.channel for n in notes}


@pytest.mark.parametrize(
    ("written", "kinds", "channels"),
    [
        ("type: consent_calls", {"calls"}, {None}),
        ("type: consent_hours, windows: [{from: '21:00', to: '22:00'}]", {"hours"}, {None}),
        ("type: consent, channel: sms", {None}, {"sms"}),
        ("type: consent_sms", {None}, {"sms"}),
        ("type: consent", {None, "hours", "place"}, {None}),
        ("type: e_consent, channels: [sms, email]", {None}, {"sms", "email"}),
        ("type: prior_express_consent, channel: robocall", {None}, {"robocall"}),
    ],
)
def test_a_consent_says_to_what(written: str, kinds: set[str | None], channels: set[str | None]) -> None:
    notes = notes_of(written)
    assert {n.type for n in notes} == {CONSENT}
    assert ({n.kind for n in notes}, {n.channel for n in notes}) == (kinds, channels)


@pytest.mark.parametrize(
    "written", ["consent_withdrawn", "withdraw_consent", "consent_revoked", "consent_calls_revoked"]
)
def test_a_consent_is_withdrawn(written: str) -> None:
    assert {n.type for n in notes_of(f"type: {written}")} == {CONSENT_WITHDRAWN}


def test_a_consent_for_three_days_ends_with_the_third_its_own_day_being_the_first() -> None:
    (note,) = notes_of("type: consent_calls, days: 3")
    assert note.until == instant("2026-10-08T00:00:00-04:00")


def test_a_consent_that_was_obtained_unlawfully_is_none() -> None:
    assert notes_of("type: consent_hours, obtained_unlawfully: true") == ()


def test_agreed_hours_may_stand_in_the_event_itself() -> None:
    (note,) = notes_of("type: agreed_hours, from: '22:00', to: '23:00'")
    assert (note.type, note.kind) == (CONSENT, "hours")
    assert note.times == (Times(frozenset(range(7)), 22 * 3600, 23 * 3600),)


# --- what begins a stop -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "type_", "kind"),
    [
        ("type: cease_written", "cease_written", None),
        ("type: cease_letter", "cease_written", None),
        ("type: dispute", "dispute_written", None),
        ("type: dispute, form: oral", "dispute_oral", None),
        ("type: breathing_space_start", "moratorium_start", "standard"),
        ("type: moratorium_start, kind: mental_health", "moratorium_start", "mental_health_crisis"),
        ("type: wedding", "sensitive_occasion", "marriage"),
        ("type: hospital", "collection_pause", "hospital"),
        ("type: validation_notice_sent, channel: email", "validation_notice_sent", None),
        ("type: promise_to_pay", "promise_to_pay", None),
    ],
)
def test_an_event_is_known_by_the_name_that_rules_use(written: str, type_: str, kind: str | None) -> None:
    (note,) = notes_of(written)
    assert (note.type, note.kind, note.channel) == (type_, kind, None)


def test_a_place_that_does_not_suit_is_a_note_of_its_kind() -> None:
    (note,) = notes_of("type: designate_inconvenient, places: [office]")
    assert (note.type, note.kind) == ("inconvenient_place", "work")


def test_an_event_may_be_a_fact_from_then_on() -> None:
    case = good(event("type: attorney_no_response"))
    assert case.dossier.flags == {"attorney_unresponsive": True}


def test_a_question_may_be_answered_by_any_medium_where_none_is_told() -> None:
    (contact,) = good(event("type: complaint")).dossier.contacts
    assert contact.inbound
    assert {"sms", "email", "call"} <= set(contact.reply_channels)


def test_a_notice_names_its_last_day() -> None:
    (note,) = notes_of("type: creditor_email_notice, optout_by: '2026-11-20'")
    assert note.last_day == date(2026, 11, 20).toordinal()


def test_a_fact_without_a_date_begins_what_an_event_would() -> None:
    assert [n.type for n in good("state: {deceased: true}\n").dossier.notes] == ["death_recorded"]


# --- the person and the lender ----------------------------------------------------------------------------------


def test_state_and_config_are_facts_and_settings() -> None:
    case = good(
        "actor: original_creditor\n",
        "config: {apply_regf_to_first_party: false, optout_scope: program}\n",
        "state: {statute_barred: true, days_past_due: 16, student_loan_group: [L1, L2], holidays: ['2026-10-12'],\n"
        "  attorney: {name: A, unresponsive: true}, e_consent: [sms]}\n",
    )
    (asked,) = case.asked[0]
    assert (asked.actor, asked.as_collector, asked.days_past_due) == ("lender", False, 16)
    assert case.dossier.flags == {"time_barred": True, "attorney": True, "attorney_unresponsive": True}
    assert case.dossier.options["optout_scope"] == "program"
    assert case.dossier.same_debt == (frozenset({"L1", "L2"}),)
    assert case.dossier.holidays == {date(2026, 10, 12).toordinal()}
    assert [(n.type, n.channel) for n in case.dossier.notes] == [(CONSENT, "sms")]


def test_a_collector_is_meant_where_no_actor_is_named() -> None:
    assert good().asked[0][0].actor == "agency"


def test_evidence_has_one_zone_or_several_and_may_be_knowledge() -> None:
    text = (
        "- id: one\n  pack: us\n  location_evidence: [{evidence: zip, tz: [America/Chicago, America/New_York]},\n"
        "    {evidence: known_location, tz: America/Denver, until: '2026-11-01'}]\n"
    )
    (case,), _ = read(
        "c.yaml", f"cases:\n{text}{indent(PROPOSED + EXPECTED, '  ')}", lambda names: KNOWN, KNOWN
    )  # fmt: skip
    first, second = case.dossier.evidence
    assert (first.zones, first.known) == (("America/Chicago", "America/New_York"), False)
    assert (second.known, second.until) == (True, instant("2026-11-01T00:00:00-05:00"))


def test_what_is_proposed() -> None:
    case = good(
        proposed="proposed: {at: '2026-10-14T11:00:00-04:00', channel: text, purpose: offer, person: P2, "
        "relation: mother, content: [threat_of_suit], offer_deadline: '2026-10-30', debt: D2}\n"
    )
    (asked,) = case.asked[0]
    assert (asked.channel, asked.purpose, asked.person, asked.relation, asked.debt) == (
        "sms", "settlement_offer", "P2", "parent_of_adult", "D2",
    )  # fmt: skip
    assert asked.content == {"lawsuit_threat"}
    assert asked.offer_last_day == date(2026, 10, 30).toordinal()
    assert asked.offer_ends == instant("2026-10-31T00:00:00-04:00")
    assert (case.now, case.offset) == (instant("2026-10-14T11:00:00-04:00"), -4 * 3600)


def test_a_call_by_a_recorded_voice_is_a_robocall() -> None:
    case = good(proposed="proposed: {at: '2026-10-14T11:00:00-04:00', channel: call, voice: prerecorded}\n")
    assert [a.channel for a in case.asked[0]] == ["robocall"]


def test_a_contact_about_two_debts_is_asked_for_each() -> None:
    case = good(proposed="proposed: {at: '2026-10-14T15:00:00Z', channel: [sms, email], debts: [D1, D2]}\n")
    assert [[(a.channel, a.debt) for a in group] for group in case.asked] == [
        [("sms", "D1"), ("email", "D1")], [("sms", "D2"), ("email", "D2")],
    ]  # fmt: skip
    assert case.offset == 0


# --- what is not understood -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (event("type: call, outcome: conversaton"), "did you mean 'conversation'?"),
        (event("type: bankrupcy_filed"), "did you mean 'bankruptcy_filed'?"),
        (event("type: call, outcom: busy"), "did you mean 'outcome'?"),
        ("state: {employer_prohibit: true}\n", "did you mean 'employer_prohibits'?"),
        ("config: {optout_scop: program}\n", "did you mean 'optout_scope'?"),
        ("actor: original_creditr\n", "did you mean 'original_creditor'?"),
        ("stat: {}\n", "did you mean 'state'?"),
    ],
)
def test_what_is_not_understood_is_told_with_the_nearest_word_and_not_judged(part: str, said: str) -> None:
    case = case_of(part)
    found = judge_case(case, None)
    assert said in (found.error or "")
    assert not found.agrees
    assert [p.file for p in case.problems] == ["c.yaml"]
    assert case.problems[0].line > 1


@pytest.mark.parametrize(
    "proposed",
    [
        "proposed: {at: '2026-10-14T11:00:00', channel: sms}\n",
        "proposed: {at: '2026-10-14T11:00:00-04:00', channel: smoke}\n",
        "proposed: {at: '2026-10-14T11:00:00-04:00'}\n",
        "proposed: {channel: sms}\n",
        "proposed: {at: '2026-10-14T11:00:00-04:00', channel: sms, content: [no_such_class]}\n",
    ],
)
def test_a_proposal_that_cannot_be_read_is_not_judged(proposed: str) -> None:
    assert judge_case(case_of(proposed=proposed), None).error


def test_an_id_is_used_once() -> None:
    text = HEAD + indent(PROPOSED + EXPECTED, "  ")
    cases, _ = read("c.yaml", f"cases:\n{text}{text}", lambda names: KNOWN, KNOWN)
    assert [len(case.problems) for case in cases] == [0, 1]


def test_an_unknown_pack_is_told() -> None:
    def no_pack(names: tuple[str, ...]) -> Known:
        raise UnknownPack(names[0], "did you mean 'us'?")

    (case,), _ = read("c.yaml", f"cases:\n{HEAD}{indent(PROPOSED + EXPECTED, '  ')}", no_pack, KNOWN)
    assert [p.code for p in case.problems] == ["unknown-pack"]


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "empty-file"), ("cases: []\n", "no-cases"), ("- &a 1\n- *a\n", "yaml-anchor"), ("a: [\n", "yaml-syntax")],
)
def test_a_file_that_holds_no_cases_is_a_problem_of_the_file(text: str, code: str) -> None:
    cases, problems = read("c.yaml", text, lambda names: KNOWN, KNOWN)
    assert (cases, [p.code for p in problems]) == ([], [code])
