"""A policy for a person to read: whom it is for, its ladder, its offers and its messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from policies.language.canonical import share_text
from policies.language.timing import at_text, duration_text
from scheduler.cli.output import columns

if TYPE_CHECKING:
    from policies.contract import Offer, Policy, Step


def rendered(policy: Policy) -> Iterator[str]:
    """The lines of the whole policy, defaults written in."""
    form = policy.canonical
    yield f"{policy.title}"
    yield ""
    yield from columns(_head(policy, form))
    yield ""
    yield "Ladder"
    yield from columns(((step.name, _at(step), _does(step), _if(step)) for step in policy.steps), indent="  ")
    if policy.offers:
        yield ""
        yield "Offers"
        yield from columns(
            ((offer.name, _terms(offer, policy.currency)) for offer in policy.offers.values()), indent="  "
        )
    if form["messages"]:
        yield ""
        yield "Messages"
        yield from columns(_messages(form["messages"]), indent="  ")


def _head(policy: Policy, form: dict[str, Any]) -> Iterator[tuple[str, str]]:
    def any_of(value: Any) -> str:
        return value if isinstance(value, str) else ", ".join(value)

    yield "policy", policy.name
    yield "digest", policy.digest
    yield "for", f"product {any_of(form['applies_to']['product'])}; region {any_of(form['applies_to']['region'])}"
    yield "currency", f"{policy.currency}; overdue from {form['overdue_from']}"
    yield "speaks", f"as {policy.actor}, in {', '.join(policy.languages)}"
    yield "rules", ", ".join(f"{name}{'' if on else ' off'}" for name, on in sorted(form["rules"].items()))
    yield "calendar", form["calendar"]
    yield "review", f"after {policy.review_after} days in one episode"


def _at(step: Step) -> str:
    return at_text(step.at.anchor, step.at.offset, step.at.tod)


def _does(step: Step) -> str:
    done = []
    if step.offer is not None:
        done.append(f"offers {step.offer}")
    if step.send is not None:
        channels = (" and " if step.send.every else ", else ").join(step.send.channels)
        done.append(f"sends {step.send.message} by {channels}")
    if step.hold is not None:
        lasts = "until released" if step.hold.duration is None else f"for {duration_text(step.hold.duration)}"
        done.append(f"holds {lasts}")
    if step.hand_off is not None:
        done.append(f"hands off to {step.hand_off}")
    return ", ".join(done) or "nothing"


def _if(step: Step) -> str:
    said = [] if step.when is None else [f"when {step.when.text}"]
    if step.within is not None:
        said.append(f"within {duration_text(step.within)}")
    return ", ".join(said)


def _terms(offer: Offer, currency: str) -> str:
    said = [f"waives {share_text(share, currency)} of {component}" for component, share in offer.waive]
    first = "at once" if offer.first_after is None else f"the first after {duration_text(offer.first_after)}"
    if offer.every is not None:
        said.append(f"paid in {offer.instalments}, every {duration_text(offer.every)}, {first}")
    else:
        said.append(f"paid {first}" if offer.first_after is None else f"paid after {duration_text(offer.first_after)}")
    if offer.floor is not None:
        said.append(f"never below {share_text(offer.floor, currency)} of {offer.floor_of}")
    said.append(f"open for {duration_text(offer.expires)}")
    return ", ".join(said)


def _messages(messages: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, by_channel in messages.items():
        yield name, "; ".join(f"{channel} in {', '.join(texts)}" for channel, texts in by_channel.items())
