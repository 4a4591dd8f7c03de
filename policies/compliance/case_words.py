"""Other words that a case file may use for what ``vocabulary`` names: tables only, documented in docs/case-files.md.

A word is looked up in small letters, with ``_`` for blanks and hyphens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from policies.compliance.vocabulary import ADDRESS_KINDS, CHANNELS, MODES, OUTCOMES, PURPOSES, RELATIONS, VOICE


def word(text: str) -> str:
    """A word as the tables have it."""
    return "_".join(text.strip().lower().replace("-", " ").replace("_", " ").split())


def _table(canonical: frozenset[str], others: Mapping[str, str]) -> dict[str, str]:
    """``others`` has for each name the other words for it, parted by blanks."""
    found = {name: name for name in canonical}
    for name, words in others.items():
        found.update(dict.fromkeys(words.split(), name))
    return found


CHANNEL: Final = _table(
    CHANNELS,
    {
        "call": "phone telephone phone_call telephone_call dial live_call manual_call voice voice_call outbound_call",
        "voicemail": "voice_mail voicemail_message limited_content_message answering_machine",
        "ringless_voicemail": "rvm ringless ringless_voice_mail direct_to_voicemail",
        "robocall": "prerecorded_call prerecorded prerecorded_voice ai_call ai_voice artificial_voice autodialled_call "
        "autodialed_call autodialer voice_bot recorded_call recorded_message",
        "sms": "text text_message texts mms robotext short_message",
        "email": "e_mail emails electronic_mail",
        "letter": "mail post postal letter_mail postal_mail paper written_notice",
        "push": "app_push push_notification in_app app",
        "chat": "web_chat live_chat chatbot",
        "social": "social_media dm direct_message",
        "messenger": "whatsapp wechat im instant_message instant_messenger line telegram kakaotalk",
        "visit": "field_visit home_visit door_visit personal_visit in_person face_to_face",
        "portal": "web_portal website online_portal account_portal",
    },
)

ALL_CHANNELS: Final = frozenset({"all", "any", "all_channels", "every_channel", "everything", "electronic_all"})

MEDIA: Final[dict[str, tuple[str, ...]]] = {
    "call": tuple(sorted(VOICE)),
    "electronic": ("chat", "email", "messenger", "push", "sms", "social"),
}
"""A medium that a person names, and the channels that it takes in; any other is itself alone."""

PURPOSE: Final = _table(
    PURPOSES,
    {
        "early_warning": "pre_due_reminder pre_due due_soon upcoming_payment courtesy_reminder",
        "reminder": "collection collect payment_request demand payment_reminder dunning payment_demand collections",
        "settlement_offer": "offer settlement discount_offer time_limited_offer",
        "reply": "response answer one_response automated_reply auto_reply call_back callback answer_to_query",
        "payment_confirmation": "receipt payment_receipt confirmation",
        "optout_confirmation": "opt_out_confirmation stop_confirmation unsubscribe_confirmation",
        "statutory_notice": "required_notice legal_notice notice_required_by_law notice_of_sums_in_arrears "
        "arrears_notice default_notice statutory required_by_law",
        "contract_notice": "contractual_notice terms_notice contract_required_notice",
        "validation_notice": "validation validation_information",
        "remedy_notice": "notice_of_remedy specified_remedy invoke_remedy intent_to_invoke_remedy remedy "
        "notice_of_intent will_invoke_remedy",
        "end_of_efforts": "terminate_efforts termination_of_efforts efforts_end efforts_ended cease_acknowledgement "
        "efforts_terminated end_efforts termination_notice",
        "possible_remedies": "possible_remedy may_invoke_remedy remedies_may_be_invoked may_invoke",
        "location_information": "locate skip_trace skip_tracing contact_details request_contact_details "
        "location_info message_relay pass_on_request",
        "transfer_notice": "assignment_notice notice_of_transfer notice_of_assignment",
        "complaint_response": "complaint_answer complaint_reply response_to_complaint answer_to_complaint",
        "ongoing_liability": "ongoing_liabilities ongoing_payment non_moratorium_liability current_instalment",
        "marketing": "promotion promotional advertising advertisement telemarketing solicitation refinance_offer "
        "cross_sell",
    },
)

RELATION: Final = _table(
    RELATIONS,
    {
        "borrower": "consumer debtor customer self",
        "spouse": "husband wife partner civil_partner",
        "parent_of_minor": "parent_of_minor_consumer minors_parent",
        "guardian": "legal_guardian conservator",
        "administrator": "estate_administrator",
        "personal_representative": "estate_representative representative estate heir heirs",
        "confirmed_successor": "confirmed_successor_in_interest successor_in_interest",
        "attorney": "lawyer solicitor counsel consumer_attorney attorney_of_consumer creditors_attorney",
        "debt_adviser": "adviser debt_advisor advisor money_adviser debt_counsellor",
        "co_debtor": "co_borrower joint_borrower joint_debtor codebtor obligado_solidario co_signer cosigner",
        "guarantor": "surety aval",
        "creditor": "original_creditor",
        "bureau": "credit_bureau consumer_reporting_agency credit_reference_agency",
        "contact_person": "emergency_contact contact contact_list_person contact_list listed_contact phone_contact",
        "parent_of_adult": "mother father parent parents",
        "relative": "family family_member sibling brother sister uncle aunt cousin child son daughter in_law",
        "friend": "acquaintance",
        "employer": "boss supervisor manager workplace",
        "colleague": "coworker co_worker workmate",
        "neighbour": "neighbor",
        "reference": "referee personal_reference beneficiary beneficiaries references",
        "third_party": "third_person other stranger roommate housemate unknown other_person anyone_else",
    },
)

OUTCOME: Final = _table(
    OUTCOMES,
    {
        "conversation": "spoke talked talk spoken connected_conversation effective_call effective "
        "telephone_conversation answered_conversation conversed",
        "answered": "picked_up connected reached answered_call",
        "answered_then_dropped": "dropped dropped_call hung_up hang_up answered_hung_up answered_then_hung_up "
        "answered_then_ended answered_dropped call_dropped terminated_by_consumer",
        "voicemail_left": "left_voicemail voicemail_message left_message message_left limited_content_message "
        "answering_machine",
        "no_answer": "ring_out rang_out ringout unanswered not_answered ring_no_answer rang missed no_reply",
        "busy": "busy_signal busy_tone engaged line_busy",
        "not_in_service": "out_of_service disconnected invalid_number number_invalid unallocated not_in_use "
        "number_not_in_service dead_number invalid",
        "failed": "call_failed not_connected error undelivered bounced bounce returned undeliverable",
        "refused": "declined call_declined",
        "switched_off": "powered_off phone_off off unreachable out_of_coverage",
        "played": "message_played listened notification_played dialled_through dialed_through",
    },
)

WRITTEN_OUTCOMES: Final = frozenset(
    {"delivered", "sent", "opened", "read", "clicked", "replied", "accepted", "queued", "made", "handed_over"}
)
"""Outcomes of a written message that say no more than that it was sent."""

MODE: Final = _table(
    MODES,
    {
        "interactive": "live ai_interactive human agent ai_voice_interactive interactive_voice",
        "notification": "notify automated_notification announcement voice_notification notice recorded prerecorded "
        "notification_voice",
    },
)

ADDRESS_KIND: Final = _table(
    ADDRESS_KINDS,
    {
        "mobile": "cell cell_phone cellphone mobile_phone mobile_number personal_mobile",
        "home": "home_phone landline home_number residence home_address residential",
        "work_phone": "office_phone work_number employer_phone office_number workplace_phone business_phone",
        "work_email": "employer_email company_email office_email work_domain employer_domain workplace_email",
        "work": "workplace office work_address employer place_of_work",
        "given": "given_number provided provided_number personal_email private_email personal other_given",
    },
)

ACTOR: Final[dict[str, str]] = {
    "third_party_collector": "agency", "collector": "agency", "agency": "agency", "debt_collector": "agency",
    "collection_agency": "agency", "debt_buyer": "agency", "credit_purchaser": "agency", "purchaser": "agency",
    "servicer": "agency", "credit_servicer": "agency", "third_party": "agency", "law_firm": "agency",
    "original_creditor": "lender", "creditor": "lender", "lender": "lender", "first_party": "lender",
    "bank": "lender", "first_party_lender": "lender", "licensee": "lender", "fintech": "lender",
}  # fmt: skip

OURSELVES: Final = frozenset({"us", "self", "own", "ourselves", "we", "lender", "institution", "in_house"})
BORROWERS: Final = frozenset({"p1", "borrower", "consumer", "debtor", "customer", "self"})

KNOWN_PLACE: Final = frozenset(
    {
        "known_location", "actual_knowledge", "known", "knowledge", "actual_location", "current_location",
        "actual_known_location", "confirmed_location", "known_current_location", "stated_current_location",
        "consumer_stated_location", "consumer_stated_current_location", "consumer_said_where", "whereabouts",
        "current_stay",
    }
)  # fmt: skip
"""Evidence that is knowledge of where the person is; any other kind only indicates it."""

BASIS: Final[dict[str, str]] = {
    "consumer_given": "consumer_given", "given_by_consumer": "consumer_given", "consumer_provided": "consumer_given",
    "consumer_used": "consumer_used", "used_by_consumer": "consumer_used", "consumer": "consumer_given",
    "consent": "consumer_given", "direct_consent": "consumer_given", "creditor_notice": "creditor_notice",
    "creditor": "creditor_notice", "creditor_email_notice": "creditor_notice", "notice": "creditor_notice",
    "prior_collector": "prior_collector", "previous_collector": "prior_collector",
    "prior_debt_collector": "prior_collector",
}  # fmt: skip
"""How an e-mail address was come by (12 CFR 1006.6(d)(4))."""

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_SETS: Final[dict[str, tuple[int, ...]]] = {
    **{name: (number,) for number, name in enumerate(DAYS)},
    **{name: (number,) for number, name in enumerate(
        ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"))},
    "tues": (1,), "thur": (3,), "thurs": (3,),
    "weekdays": (0, 1, 2, 3, 4), "weekday": (0, 1, 2, 3, 4), "workdays": (0, 1, 2, 3, 4),
    "weekend": (5, 6), "weekends": (5, 6),
    "daily": tuple(range(7)), "all": tuple(range(7)), "every_day": tuple(range(7)), "any": tuple(range(7)),
}  # fmt: skip

_CONTENT: Final[dict[str, str]] = {
    "no_optout_instruction": "no_opt_out_instruction missing_optout missing_opt_out missing_optout_instruction "
    "missing_opt_out_instruction no_optout no_opt_out no_opt_out_instructions without_optout no_optout_notice "
    "no_optout_instructions missing_optout_notice",
    "missing_debt_collector_disclosure": "no_debt_collector_disclosure missing_collector_disclosure "
    "missing_mini_miranda no_mini_miranda no_collector_disclosure",
    "missing_initial_disclosure": "no_initial_disclosure missing_first_communication_disclosure "
    "missing_initial_communication_disclosure missing_initial_mini_miranda",
    "missing_identity": "no_identity no_sender_identity missing_identity_disclosure identity_not_stated "
    "missing_identification no_identification missing_sender missing_institution missing_agency_identity "
    "identity_missing anonymous anonymous_message no_agency_identity",
    "missing_residual_debt_statement": "no_residual_debt_statement residual_debt_unexplained no_residual_statement "
    "missing_residual_statement residual_balance_unexplained missing_residual_explanation residual_not_explained "
    "residual_debt_not_explained no_residual_disclosure "
    "residual_unexplained no_residual_explanation residual_treatment_missing",
    "debt_visible_to_third_party": "debt_visible third_party_disclosure reveals_debt reveals_debt_to_third_party "
    "discloses_debt discloses_debt_to_third_party debt_disclosed_to_third_party debt_revealed debt_on_envelope "
    "debt_disclosed debt_mentioned mentions_debt states_debt disclosure_of_debt debt_disclosure "
    "visible_debt postcard",
    "profanity": "profane obscenity obscene abusive_language abuse abusive insulting_language foul_language",
    "ridicule": "insult insults humiliation demeaning mockery insulting",
    "shaming": "public_shaming shame shame_threat humiliating public_humiliation",
    "violence_threat": "threat_of_violence violence threat_violence threat threats threat_of_harm physical_threat "
    "intimidation threatening",
    "arrest_threat": "threat_of_arrest threatened_arrest arrest threat_of_imprisonment jail_threat "
    "imprisonment_threat threat_of_criminal_charges criminal_threat threat_of_prosecution",
    "lawsuit_threat": "threat_of_suit threat_of_lawsuit suit_threat legal_threat threat_of_legal_action "
    "threatened_suit threatens_suit threat_to_sue threatens_to_sue sue_threat suing_threat threat_of_court "
    "threat_of_court_action threatens_court court_threat "
    "court_action_threat suggests_court_action lawsuit legal_action_threat false_lawsuit_threat",
    "government_impersonation": "impersonates_government official_look government_look looks_official "
    "government_document",
    "court_impersonation": "fake_court_document false_court_document court_document fake_summons court_look "
    "impersonates_court false_court_papers fake_court_papers court_papers simulated_court_document",
    "police_impersonation": "impersonates_police fake_police",
    "attorney_impersonation": "false_attorney lawyer_impersonation impersonates_attorney fake_attorney "
    "law_firm_impersonation false_attorney_representation",
    "false_urgency": "fake_deadline false_deadline false_final_offer unreal_deadline false_time_limit "
    "untrue_deadline final_offer_false false_last_chance",
    "publication_threat": "publication debtor_list published_debtor_list threat_of_publication public_list "
    "threat_to_publish name_publication publish_name public_posting",
    "third_party_disclosure_threat": "threat_to_tell_others threat_to_tell_family threat_to_tell_employer "
    "threat_of_disclosure threat_to_contact_third_parties threat_to_contact_employer threat_to_contact_family",
    "seizure_threat": "threat_of_seizure threat_of_garnishment garnishment_threat repossession_threat "
    "threat_of_repossession wage_garnishment_threat",
    "credit_bureau_threat": "threat_of_credit_report credit_reporting_threat threat_of_credit_reporting "
    "bureau_threat credit_threat threat_to_report false_credit_threat",
    "induce_new_loan": "induces_new_loan new_loan_urged borrow_to_repay urges_new_loan urges_borrowing "
    "new_borrowing borrow_elsewhere loan_to_repay encourage_borrowing",
    "missing_ai_disclosure": "no_ai_disclosure ai_not_disclosed ai_undisclosed undisclosed_ai bot_not_disclosed "
    "ai_disclosure_missing undisclosed_bot",
    "not_marked_private": "not_private envelope_not_private post_not_private",
    "hidden_caller_id": "hidden_number withheld_number hidden_caller caller_id_hidden no_caller_id suppressed_number",
    "premium_rate_number": "premium_rate premium_number",
    "undisclosed_fee": "undisclosed_convenience_fee unauthorised_fee unauthorized_fee convenience_fee illegal_fee "
    "unlawful_fee",
    "payment_link": "pay_link payment_request asks_for_payment payment_demand promotion_link",
}
CONTENT: Final = _table(frozenset(_CONTENT), _CONTENT)
"""Classes of content by the names of the text checker."""
