"""The types of event that a case file may name, and what they are: contacts, designations, refusals, consents, notes.

Tables only. A type that a rule names is a note of that type as it stands; these are the other words for it.
"""

from __future__ import annotations

import re
from typing import Final

from policies.compliance.case_words import CHANNEL, word

INBOUND: Final = frozenset(
    {"inbound", "inbound_contact", "incoming", "consumer_contact", "consumer_message", "received"}
)
QUESTIONS: Final = frozenset(
    {"complaint", "complaint_received", "query", "question", "enquiry", "inquiry", "debtor_query"}
)
"""What a person asks, by whatever medium: it may be answered by any, where the case does not say by which."""
OUTBOUND: Final = frozenset({"outbound", "contact", "attempt", "message", "outbound_contact", "communication"})
ANSWERS: Final = frozenset({"reply", "reply_sent", "response_sent", "answer_sent", "auto_reply"})
CONFIRMATIONS: Final = frozenset(
    {"optout_confirmation", "optout_confirmation_sent", "opt_out_confirmation", "opt_out_confirmation_sent"}
)
STATEMENTS: Final = frozenset({"consumer_statement", "statement", "consumer_said", "said", "statement_oral"})

INCONVENIENT_TIMES: Final = frozenset(
    {
        "designate_inconvenient", "inconvenient", "inconvenient_time", "inconvenient_times", "designation",
        "designated_inconvenient", "quiet_hours", "no_contact_hours", "no_contact_times", "avoid_times", "avoid_time",
        "time_request", "request_avoid_time", "request_time", "shift_pattern", "designate_inconvenient_time",
        "inconvenience_designated", "inconvenient_place", "designate_inconvenient_place", "contact_time_request",
        "quiet_hours_designated", "designate_quiet_hours", "excluded_hours",
    }
)  # fmt: skip
CONVENIENT_TIMES: Final = frozenset(
    {
        "designate_convenient", "convenient_times", "convenient", "preferred_hours", "preferred_times",
        "contact_only_between", "contact_only", "contact_hours_request", "convenient_hours",
        "designate_convenient_times",
    }
)  # fmt: skip
LIFTS: Final = re.compile(
    r"(lift|withdraw|cancel|end|remove|revoke)_(inconvenient|designation|inconvenience|quiet_hours|designate_inconvenient)"
    r"(_times?|_place)?"
    r"|(inconvenient(_times?|_place)?|designat(ion|e_inconvenient)|inconvenience|quiet_hours|no_contact_hours)"
    r"_(lifted|lift|ended|end|withdrawn|released|closed|cancelled|canceled|removed|revoked|over)"
)

REFUSALS: Final = re.compile(
    r"medium_request|medium_refus(al|ed)|refuse_medium|excluded?_(means|medium|channels?)|(means|medium|channel)_excluded"
    r"|(?P<a>\w+?)_?(opt_?out|unsubscribed?|stop_request)|opt_?out(_(?P<b>\w+?))?|opted_out|unsubscribed?|revocation"
    r"|do_not_(?P<c>call|text|email|mail|contact)(_request)?|stop_(?P<d>calling|texting|emailing)(_request)?|cease_oral"
)
RETURNS: Final = re.compile(
    r"(medium_request|medium_refusal|opt_?out|medium|excluded_means)_"
    r"(withdrawn|lifted|restored|ended|end|cancelled|canceled|released|over|revoked)"
    r"|(?P<a>\w+?)_?(opt_?in|resubscribed?)|opt_?in(_(?P<b>\w+?))?|opted_in|resubscribed?|restore_medium|unstop"
)
WITHDRAWN: Final = re.compile(r"withdr\w+|revok\w+|revoc\w+|ended|end|lapsed|over|cancell?ed")

CALL_WORDS: Final = frozenset({"calls", "callback", "back", "frequency"})
HOUR_WORDS: Final = frozenset(
    {"hours", "hour", "time", "times", "night", "window", "windows", "early", "late", "outside"}
)
PLACE_WORDS: Final = frozenset({"place", "work", "workplace", "address"})
ELECTRONIC: Final = frozenset({"e", "electronic", "esign", "electronically"})
MACHINE: Final = frozenset({"tcpa", "autodialer", "autodialled", "autodialed", "robocalls", "robotexts", "prerecorded"})
_CONSENT: Final = frozenset({"consent", "consents", "consented", "agreed", "agreement", "number"})


def is_consent(type_: str) -> bool:
    """Whether a type names a consent, given or withdrawn."""
    words = set(type_.split("_"))
    return (
        bool(words & {"consent", "consents", "consented"})
        or (bool(words & {"agreed", "agreement"}) and bool(words & HOUR_WORDS))
        or type_ in ("number_given", "number_provided", "number_given_to_creditor", "agreement", "agreed")
    )


NOTES: Final[dict[str, str]] = {
    other: name
    for name, words in {
        "cease_written": "cease cease_notice cease_letter cease_request cease_request_written written_cease "
        "cease_electronic cease_email cease_communication cease_notice_written cease_notice_received "
        "cease_notice_electronic cease_and_desist refusal_to_pay refusal_to_pay_written refuses_to_pay "
        "refuses_to_pay_written cease_received",
        "dispute_written": "written_dispute dispute_in_writing dispute_email dispute_letter dispute_electronic "
        "dispute_received_written",
        "dispute_oral": "oral_dispute dispute_by_phone dispute_phone dispute_call",
        "original_creditor_request": "original_creditor_requested request_original_creditor "
        "original_creditor_request_written creditor_identity_request",
        "original_creditor_answered": "original_creditor_provided original_creditor_sent original_creditor_response "
        "original_creditor_reply original_creditor_information_sent original_creditor_info_sent "
        "original_creditor_request_answered original_creditor_disclosed original_creditor_response_sent",
        "verification_sent": "verification_mailed verification_provided verification judgment_copy_sent "
        "judgment_sent verification_or_judgment_sent verification_delivered copy_of_judgment_sent debt_verified",
        "validation_notice_sent": "validation_notice validation_sent validation_information_sent "
        "validation_notice_mailed validation_notice_provided validation_notice_emailed validation_provided",
        "validation_notice_bounced": "validation_notice_returned validation_notice_undeliverable validation_bounced "
        "validation_notice_undelivered validation_notice_failed validation_email_bounced",
        "bankruptcy_filed": "bankruptcy bankruptcy_petition petition_filed bankruptcy_filing "
        "bankruptcy_petition_filed bankruptcy_notice",
        "bankruptcy_dismissed": "bankruptcy_case_dismissed case_dismissed bankruptcy_dismissal bankruptcy_closed",
        "bankruptcy_discharged": "bankruptcy_discharge discharge discharged debt_discharged discharge_granted "
        "discharge_order discharge_entered",
        "death_recorded": "death deceased death_known death_notice consumer_died borrower_died debtor_died "
        "debtor_death death_reported death_of_consumer death_confirmed",
        "attorney_known": "attorney attorney_represented attorney_retained attorney_notice attorney_letter "
        "attorney_representation represented_by_attorney representation_letter attorney_appears lawyer_known",
        "moratorium_start": "moratorium moratorium_started moratorium_registered moratorium_begins breathing_space "
        "breathing_space_start breathing_space_started breathing_space_begins breathing_space_registered",
        "moratorium_end": "moratorium_ended moratorium_cancelled breathing_space_end breathing_space_ended "
        "breathing_space_cancelled breathing_space_over moratorium_over moratorium_end_notice moratorium_closed",
        "debt_adviser_hold": "adviser_hold debt_adviser_notice debt_adviser debt_adviser_plan debt_advice_hold "
        "debt_plan debt_plan_in_preparation plan_in_preparation repayment_plan_in_preparation adviser_plan "
        "debt_advice debt_advice_notice debt_management_plan_in_preparation adviser_notice debt_adviser_instructed",
        "refuses_statute_barred": "refuses_to_pay_statute_barred statute_barred_refusal refusal_statute_barred",
        "gdpr_restriction": "restriction restriction_requested restriction_of_processing accuracy_contested "
        "data_accuracy_contested gdpr_accuracy_contested gdpr_restriction_request processing_restricted",
        "gdpr_objection": "objection objection_to_processing gdpr_objection_received",
        "transfer_notice_sent": "transfer_notice notice_of_transfer notice_of_transfer_sent transfer_notice_delivered "
        "assignment_notice assignment_notice_sent transfer_notice_provided transfer_notice_given",
        "grievance_open": "grievance grievance_filed grievance_opened grievance_lodged grievance_raised "
        "grievance_received grievance_pending",
        "hardship_notice": "hardship hardship_request hardship_notice_given hardship_application "
        "hardship_notice_received hardship_variation_request hardship_claimed",
        "hardship_answered": "hardship_decided hardship_decision hardship_response hardship_resolved hardship_refused "
        "hardship_agreed hardship_notice_answered",
        "afca_complaint": "edr_complaint afca_complaint_lodged edr_complaint_lodged complaint_afca afca_open "
        "ombudsman_complaint afca_complaint_filed afca_complaint_opened",
        "collection_pause": "pause collection_pause_start collection_suspended pause_granted deferral_request "
        "collection_pause_granted collection_deferral collection_hold",
        "debt_adjustment_request": "adjustment_request debt_adjustment debt_adjustment_requested "
        "debt_adjustment_application adjustment_requested",
        "debt_adjustment_decided": "adjustment_decided debt_adjustment_decision debt_adjustment_answered "
        "adjustment_decision debt_adjustment_refused debt_adjustment_request_decided",
        "contact_refusal": "contact_refused refusal_by_contact contact_person_refused contact_refuses "
        "contact_person_refusal contact_person_refuses refused_contact third_party_refusal",
        "creditor_email_notice": "creditor_notice email_notice creditor_email_notice_sent creditor_optout_notice "
        "optout_notice_sent creditor_notice_sent",
        "reassigned_number_check": "reassigned_numbers_check reassigned_number_lookup reassigned_number_look_up "
        "reassigned_numbers_lookup reassigned_numbers_database_check reassigned_number_database_check rnd_check "
        "rnd_lookup rnd_query number_check number_not_reassigned database_check reassigned_check "
        "reassigned_database_check number_lookup rnd_checked rnd_clear number_verified",
        "default_notice_sent": "default_notice default_notice_served default_notice_given notice_of_default "
        "default_notice_delivered",
    }.items()
    for other in words.split()
}

OCCASIONS: Final[dict[str, str]] = {
    "bereavement": "bereavement", "death_in_family": "bereavement", "funeral": "bereavement", "wedding": "marriage",
    "marriage": "marriage", "festival": "festival", "calamity": "calamity", "natural_calamity": "calamity",
    "religious_festival": "festival", "family_wedding": "marriage",
}  # fmt: skip
"""Types that are a ``sensitive_occasion`` of that kind."""

PAUSES: Final = frozenset({"hospital", "hospital_stay", "hospitalised", "hospitalized", "disaster", "disaster_area",
                           "operation", "surgery"})  # fmt: skip
"""Types that are a ``collection_pause`` of that kind."""

NEUTRAL: Final = frozenset(
    {
        "consumer_statement", "dispute_oral", "payment", "payment_received", "payment_made", "promise_to_pay",
        "payment_promise", "letter_delivered", "email_delivered", "sms_delivered", "delivered", "opened", "read",
        "note", "agent_note", "vulnerability_noted", "account_note", "account_opened", "purchased", "debt_purchased",
        "assignment",
        "placed_with_agency", "default", "charged_off", "contract_signed", "agency_assigned", "due", "due_date",
        "overdue", "number_reassigned", "login", "portal_login",
        "statement_sent",
    }
)  # fmt: skip
"""What happens on a loan and has no bearing on whether a person may be contacted."""


FACTS: Final[dict[str, str]] = {
    other: name
    for name, words in {
        "attorney_unresponsive": "attorney_no_response attorney_does_not_respond attorney_not_responding "
        "attorney_did_not_respond attorney_silent",
        "attorney_consents": "attorney_consent attorney_consented attorney_agrees attorney_consents_direct_contact "
        "attorney_allows_direct_contact",
        "lacks_capacity": "capacity_concern mental_capacity_concern lack_of_capacity mental_incapacity "
        "capacity_doubt lacks_mental_capacity mental_capacity_limitation lack_of_mental_capacity incapacity",
        "court_order": "court_permission court_order_permission court_consent",
        "third_party_consent": "consent_third_party consent_to_third_party consent_contact_third_party",
        "location_may_be_asked_again": "location_information_wrong location_answer_wrong wrong_location_information "
        "third_party_asked_for_contact location_information_incomplete",
    }.items()
    for other in (name, *words.split())
}
"""Types that are a fact from then on, by the name that rules know it by."""


def contact_channel(type_: str) -> tuple[str | None, bool]:
    """The channel of a type that is a contact, and whether the person began it; none, where it is no contact."""
    if type_ in INBOUND or type_ in QUESTIONS or type_ in OUTBOUND or type_ in ANSWERS or type_ in CONFIRMATIONS:
        return "", type_ in INBOUND or type_ in QUESTIONS
    for begins, inbound in (("inbound_", True), ("incoming_", True), ("consumer_", True), ("outbound_", False)):
        if type_.startswith(begins) and type_.removeprefix(begins) in CHANNEL:
            return CHANNEL[type_.removeprefix(begins)], inbound
    for ends, inbound in (("_received", True), ("_inbound", True), ("_sent", False), ("_attempt", False)):
        if type_.endswith(ends) and type_.removesuffix(ends) in CHANNEL:
            return CHANNEL[type_.removesuffix(ends)], inbound
    return CHANNEL.get(type_), False


def medium_in(match: re.Match[str]) -> str | None:
    """The medium that a type of refusal or return names in itself (``email_optout``, ``do_not_call``)."""
    for group in match.groupdict().values():
        if group:
            found = CHANNEL.get(word(group)) or {"calling": "call", "texting": "sms", "emailing": "email"}.get(group)
            if found:
                return found
    return "call" if match[0] == "cease_oral" else None


def consent_words(type_: str) -> set[str]:
    """The words of a type of consent that say to what."""
    return set(type_.split("_")) - _CONSENT
