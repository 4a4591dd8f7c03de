"""The published policies: which version holds at an instant, and which policy a loan goes by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from policies.contract import Policy
from policies.facts import Instant, Loan

ALWAYS: Instant = -(1 << 62)
"""From the beginning of time: a policy's first version holds from here."""


class NoPolicy(ValueError):
    """No policy, or more than one, applies to a loan; the text names them and says what to do."""


@dataclass(frozen=True, slots=True)
class Published:
    """One version of a policy and the instant from which it is current."""

    policy: Policy
    since: Instant = ALWAYS


class Policies:
    """All published versions. ``current`` answers for a loan at an instant, ``version`` by digest."""

    __slots__ = ("_by_name", "_digests", "_found")

    def __init__(self, published: Iterable[Published]) -> None:
        self._by_name: dict[str, list[Published]] = {}
        self._digests: dict[str, Policy] = {}
        self._found: dict[tuple[str | None, str, str, str], str] = {}
        for one in published:
            self._by_name.setdefault(one.policy.name, []).append(one)
            self._digests[one.policy.digest] = one.policy
        for versions in self._by_name.values():
            versions.sort(key=lambda p: p.since)

    def version(self, digest: str) -> Policy:
        """The version with this digest; KeyError where it was never published."""
        return self._digests[digest]

    def digests(self) -> list[str]:
        """The digests of all versions, in order."""
        return sorted(self._digests)

    def newest(self) -> list[Policy]:
        """The newest version of each policy, by name."""
        return [self._by_name[name][-1].policy for name in sorted(self._by_name)]

    def current(self, loan: Loan, region: str, at: Instant) -> Policy:
        """The version current at ``at`` of the policy that the loan goes by; raises NoPolicy."""
        versions = self._by_name[self.name_for(loan, region)]
        found = versions[0].policy
        for one in versions:
            if one.since <= at:
                found = one.policy
        return found

    def name_for(self, loan: Loan, region: str) -> str:
        """The one policy that applies to the loan; raises NoPolicy where there is none, or two."""
        key = (loan.policy, loan.product, region, loan.currency)
        name = self._found.get(key)
        if name is None:
            name = self._found[key] = self._name_for(loan, region)
        return name

    def _name_for(self, loan: Loan, region: str) -> str:
        known = ", ".join(sorted(self._by_name)) or "none"
        if loan.policy is not None:
            named = self._by_name.get(loan.policy)
            if named is None:
                raise NoPolicy(f"loan {loan.loan_id} names policy {loan.policy!r}; published: {known}")
            if named[-1].policy.currency != loan.currency:
                raise NoPolicy(
                    f"loan {loan.loan_id} is in {loan.currency}, its policy {loan.policy} in "
                    f"{named[-1].policy.currency}; name a policy in the loan's currency"
                )
            return loan.policy
        names = [n for n in sorted(self._by_name) if applies(self._by_name[n][-1].policy, loan, region)]
        if len(names) == 1:
            return names[0]
        what = f"product {loan.product}, region {region}, {loan.currency}"
        if not names:
            raise NoPolicy(f"no policy applies to loan {loan.loan_id} ({what}); published: {known}")
        raise NoPolicy(
            f"policies {' and '.join(names)} both apply to loan {loan.loan_id} ({what}); name one in loans.csv"
        )


def applies(policy: Policy, loan: Loan, region: str) -> bool:
    """Whether ``applies_to`` and the currency of a policy take in a loan of a borrower in ``region``."""
    if policy.currency != loan.currency:
        return False
    if policy.products is not None and loan.product not in policy.products:
        return False
    return policy.regions is None or any(region == r or region.startswith(r + "-") for r in policy.regions)
