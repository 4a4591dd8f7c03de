"""What a case says of the person and the lender outside of its events: places, facts, consents, settings."""

from __future__ import annotations

from typing import Final

from policies.calendar import Zone
from policies.compliance.case_known import Known
from policies.compliance.case_notes import Told
from policies.compliance.case_values import LONG_AGO, Part, truth, windows, zones
from policies.compliance.case_words import CHANNEL, KNOWN_PLACE, MEDIA, word
from policies.compliance.dossier import CONSENT, INCONVENIENT, OPT_OUT, Evidence, Note
from policies.language.source import Map, Node, Seq, Text

ZONES: Final = ("tz", "zones", "zone", "tzs", "timezone", "time_zone", "timezones", "tz_list")


def evidence(part: Part, place: Zone) -> Evidence | None:
    """One sign of where the person may be; none, where its zone is not understood."""
    kind = part.text("evidence", "kind", "type", "source_kind") or "address"
    names = zones(part.reading, part.nodes(*ZONES))
    known = part.flag("known", "actual_knowledge")
    at = part.instant(place, "observed_at", "at", "from", "since", "valid_from", "observed", "start")
    until = part.instant(place, "until", "valid_until", "expires", "expires_at", "to", "end")
    part.skip("value", "source", "confidence", "note", "area_code", "zip", "state", "city", "number", "country",
              "region", "legal_zone", "text")  # fmt: skip
    part.finish()
    if not names:
        if not part.has(*ZONES):
            part.reading.problem(part.node, "missing-key", "evidence of a place lacks its zone", expected="tz: a zone")
        return None
    return Evidence(names, kind, at, until, word(kind) in KNOWN_PLACE if known is None else known)


_FLAGS: Final[dict[str, str]] = {
    other: name
    for name, words in {
        "time_barred": "statute_barred barred limitation_expired is_time_barred prescribed",
        "employer_prohibits": "employer_forbids employer_prohibits_contact employer_prohibits_calls "
        "employer_disapproves employer_forbids_calls work_prohibited workplace_prohibited",
        "debtor_unreachable": "unreachable borrower_unreachable debtor_not_reachable cannot_be_reached "
        "debtor_cannot_be_reached consumer_unreachable lost_contact",
        "transferred_npl": "npl_transferred transferred purchased_npl npl_purchased loan_transferred",
        "validation_required": "validation_information_required requires_validation validation_notice_required",
        "lacks_capacity": "mental_capacity_concern lack_of_capacity no_capacity lacks_mental_capacity "
        "mental_incapacity suspected_lack_of_capacity capacity_doubted lack_of_mental_capacity "
        "mental_capacity_limitation capacity_concern incapacity lacks_capacity_suspected",
        "at_inconvenient_place": "inconvenient_place known_inconvenient_place at_unusual_place",
    }.items()
    for other in words.split()
}
"""Other words for facts that rules name."""

_AS_NOTES: Final[dict[str, str]] = {
    "deceased": "death_recorded", "dead": "death_recorded", "death_recorded": "death_recorded",
    "bankruptcy": "bankruptcy_filed", "in_bankruptcy": "bankruptcy_filed", "bankrupt": "bankruptcy_filed",
    "discharged": "bankruptcy_discharged", "bankruptcy_discharged": "bankruptcy_discharged",
    "cease": "cease_written", "cease_notice": "cease_written", "cease_written": "cease_written",
    "disputed": "dispute", "dispute_open": "dispute", "breathing_space": "moratorium_start",
    "moratorium": "moratorium_start", "in_moratorium": "moratorium_start", "hardship": "hardship_notice",
    "hardship_notice": "hardship_notice", "gdpr_restriction": "gdpr_restriction", "grievance_open": "grievance_open",
    "open_grievance": "grievance_open", "afca_complaint": "afca_complaint",
    "transfer_notice_sent": "transfer_notice_sent",
    "refuses_statute_barred": "refuses_statute_barred", "debt_adviser": "debt_adviser_hold",
}  # fmt: skip
"""Facts that are what a note would have begun, without its date."""

_CONSENTS: Final[dict[str, tuple[str, str | None]]] = {
    "consent_hours": ("", "hours"), "agreed_hours": ("", "hours"), "hours_agreed": ("", "hours"),
    "consent_outside_hours": ("", "hours"), "consent_night": ("", "hours"), "consent_other_hours": ("", "hours"),
    "consent_place": ("", "place"), "consent_calls": ("", "calls"), "sms_consent": ("sms", None),
    "text_consent": ("sms", None), "email_consent": ("email", None), "consent_sms": ("sms", None),
    "consent_email": ("email", None), "robocall_consent": ("robocall", None), "autodialer_consent": ("robocall", None),
    "prior_express_consent": ("", None), "tcpa_consent": ("robocall", None),
    "number_given_to_creditor": ("robocall", None),
    "express_consent": ("", None), "consent": ("", "hours"), "prior_consent": ("", "hours"),
}  # fmt: skip
"""Consents told as facts: the channel (empty: any), and what to."""


def state(part: Part, told: Told, place: Zone, own: Known, every: Known) -> list[Evidence]:
    """Read ``state`` but for what ``cases`` takes itself (holidays, groups of debts, days past due); known places."""
    known = _known_place(part, place)
    for node in part.nodes("e_consent", "electronic_consent", "consent_channels", "written_consent", "e_consents"):
        chosen = part.chosen(CHANNEL, "channel", node) if truth(node) is None else None
        media = MEDIA["electronic"] if truth(node) else () if chosen is None else MEDIA.get(chosen, (chosen,))
        told.notes += [Note(LONG_AGO, CONSENT, channel=channel) for channel in media]
    for node in part.nodes("opted_out", "optout", "medium_requests", "excluded_means", "opt_outs"):
        chosen = part.chosen(CHANNEL, "channel", node) if truth(node) is None else None
        told.notes += [Note(LONG_AGO, OPT_OUT, channel=c) for c in (MEDIA.get(chosen, (chosen,)) if chosen else ())]
    quiet = windows(part, "inconvenient", "inconvenient_windows", "quiet_hours")
    if quiet:
        told.notes.append(Note(LONG_AGO, INCONVENIENT, times=quiet))
    _attorney(part, told)
    part.skip("note", "age", "language", "language_pref", "balance", "debts", "name", "employer")
    for name, key, value in part.rest():
        _fact(part, told, word(name), key, value, own, every)
    return known


def _known_place(part: Part, place: Zone) -> list[Evidence]:
    node = part.take("known_location", "actual_location", "known_place")
    if isinstance(node, Map):
        found = evidence(Part(part.reading, node, "known_location"), place)
        return [] if found is None else [Evidence(found.zones, found.kind, found.at, found.until, True)]
    return [Evidence(names, "known_location", known=True)] if (names := zones(part.reading, _texts(node))) else []


def _texts(node: Node | None) -> list[Text]:
    if isinstance(node, Seq):
        return [item for item in node.items if isinstance(item, Text)]
    return [node] if isinstance(node, Text) else []


_SILENT: Final = (
    "unresponsive",
    "does_not_respond",
    "no_response",
    "not_responding",
    "fails_to_respond",
    "nonresponsive",
)
_AGREES: Final = ("consents", "consents_to_direct_contact", "consents_direct", "consent", "allows_direct_contact",
                  "consents_direct_contact")  # fmt: skip


_REASONABLE_DAYS: Final = 30
"""After how long a silence an attorney is taken not to answer (policy; the rule says a reasonable time)."""


def _attorney(part: Part, told: Told) -> None:
    """The consumer's attorney: a fact, and two more where one does not answer or agrees to direct contact."""
    node = part.take("attorney", "represented_by_attorney", "attorney_represented", "attorney_known", "lawyer")
    if node is None or (isinstance(node, Text) and truth(node) is False):
        return
    told.flags["attorney"] = True
    if not isinstance(node, Map):
        return
    about = Part(part.reading, node, "attorney")
    waited = about.number("days_without_response", "no_response_days", "unanswered_days", "days_since_contact")
    silent = about.text("response") in ("none", "no") or (waited is not None and waited >= _REASONABLE_DAYS)
    if silent or about.flag(*_SILENT) or about.flag("responds", "responsive", "answers") is False:
        told.flags["attorney_unresponsive"] = True
    if about.flag(*_AGREES):
        told.flags["attorney_consents"] = True
    about.skip("name", "address_known", "address", "email", "phone", "firm", "debts", "since", "note", "known")
    about.finish()


def _fact(part: Part, told: Told, name: str, key: Text, value: Node, own: Known, every: Known) -> None:
    read = part.reading
    said = truth(value)
    if name in _VULNERABLE and isinstance(value, Text) and "capacity" in value.value:
        name = "lacks_capacity"
    flag = name if name in every.flags else _FLAGS.get(name, name)
    if flag in every.flags:
        if isinstance(value, Text):
            number = value.value.lstrip("+-").isdigit() and said is None
            told.flags[flag] = said if said is not None else int(value.value) if number else value.value
        else:
            told.flags[flag] = bool(value.items) if isinstance(value, Seq) else bool(value.entries)
    elif name in _CONSENTS:
        channel, kind = _CONSENTS[name]
        times = () if isinstance(value, Text) else windows(Part(read, part.node, part.what), key.value)
        if said is not False:
            for one in MEDIA.get(channel, (channel,)):
                told.notes.append(Note(LONG_AGO, CONSENT, channel=one or None, kind=kind, times=times))
    elif (type_ := _AS_NOTES.get(name, name)) and (own.note(type_) or every.note(type_) or name in _AS_NOTES):
        if type_ == "dispute" and not own.note(type_):
            type_ = "dispute_written"
        if said is not False:
            kind = value.value if said is None and isinstance(value, Text) else None
            if type_ == "moratorium_start" and kind is None:
                kind = "standard"
            told.notes.append(Note(LONG_AGO, type_, kind=kind))
    elif flag in _FLAGS.values() or name in _NO_BEARING:
        told.flags[flag] = said if said is not None else True
    else:
        read.unknown(key, "fact", name, {*every.flags, *_FLAGS, *_FLAGS.values(), *_AS_NOTES, *_CONSENTS, "e_consent"})


_VULNERABLE: Final = frozenset({"vulnerability", "vulnerable", "vulnerability_flag", "vulnerabilities"})
_NO_BEARING: Final = _VULNERABLE | frozenset(
    {"in_default", "consumer_debt", "debt_type", "product", "owner", "acquired_in_default", "default_at_acquisition",
     "in_collection", "licensed", "stage_note", "account_open"}
)  # fmt: skip


def settings(part: Part, known: Known) -> dict[str, str]:
    """The settings of a case, by what they mean to the packs: ``on``, ``off`` or a word."""
    found: dict[str, str] = {}
    part.skip("note")
    for name, key, value in part.rest():
        meaning = known.options.get(name) or (name if name in known.options.values() else None)
        if meaning is None:
            words = {*known.options, *known.options.values()}
            part.reading.unknown(key, "setting", name, words)
        elif not isinstance(value, Text):
            part.reading.wrong(value, name, "a word, or true or false")
        else:
            said = truth(value)
            found[meaning] = value.value if said is None else "true" if said else "false"
    return found
