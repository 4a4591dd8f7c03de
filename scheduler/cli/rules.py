"""``duly rules``: the packs that there are, the rules of one, and the check of a lender's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Final

import typer

from scheduler.cli import rules_explain, rules_judge
from scheduler.cli.failures import GOOD, WRONG, Failure
from scheduler.cli.output import columns, say, say_all, say_json, tell
from scheduler.cli.reading import read_policy, shown_text

if TYPE_CHECKING:
    from policies.compliance.kinds import Pack, Rule

app = typer.Typer(help="The law as data: list, show and check rule packs.", no_args_is_help=True)
rules_judge.add_to(app)
rules_explain.add_to(app)

_WIDTH: Final = 100

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@app.command(name="list")
def list_(
    json_: Json = False,
    docs: Annotated[
        bool, typer.Option("--docs", help="Every rule with its source, as docs/compliance.md has it.")
    ] = False,
) -> None:
    """List the rule packs, and the regions in which each is always in force."""
    from policies.compliance.describe import pack_json
    from policies.compliance.packs import built_in, every_pack

    if docs:
        from policies.compliance.document import generated

        say_all(generated(built_in().values()))
    elif json_:
        for pack in every_pack().values():
            say_json(pack_json(pack))
    else:
        say_all(columns([("pack", "rules", "title", "regions"), *map(_row, every_pack().values())]))


def _row(pack: Pack) -> tuple[str, ...]:
    regions = ", ".join(pack.regions) or ("everywhere" if pack.name == "house" else "where a policy names it")
    return pack.name, str(len({rule.rule_id for rule in pack.rules})), pack.title, regions


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="PACK", help="The name of a pack, or an alias of it.")],
    json_: Json = False,
) -> None:
    """Show the rules of a pack: what each says and asks, whom it reaches, since when, where it is written."""
    from policies.compliance.describe import as_json
    from policies.compliance.packs import UnknownPack, every_pack, pack, resolve

    try:
        names = (name,) if name in every_pack() else resolve(name)
    except UnknownPack as error:
        raise Failure(str(error)) from None
    for number, one in enumerate(map(pack, names)):
        if json_:
            for rule in one.rules:
                say_json(as_json(rule))
            continue
        say(("\n" if number else "") + one.title)
        say_all(_shown(one))


def _shown(pack: Pack) -> Iterator[str]:
    yield ""
    if pack.about:
        yield from wrap(pack.about, _WIDTH)
        yield ""
    head = [("pack", pack.name), ("in force in", _row(pack)[-1])]
    head += [("lies over", ", ".join(pack.over))] if pack.over else []
    head += [("also called", ", ".join(pack.aliases))] if pack.aliases else []
    head += [("place unknown", ", ".join(pack.zones))] if pack.zones else []
    yield from columns(head)
    for rule in pack.rules:
        yield ""
        yield from wrap(f"{rule.rule_id}  {rule.text}", _WIDTH)
        yield from columns(_said(rule), indent="  ")


def _said(rule: Rule) -> Iterator[tuple[str, str]]:
    from policies.compliance.describe import in_force, parameters, reach
    from policies.compliance.kinds import KIND_OF

    yield KIND_OF[type(rule)], parameters(rule)
    if reached := reach(rule):
        yield "reaches", reached
    if rule.unless:
        yield "unless", ", ".join(rule.unless)
    dates = in_force(rule)
    yield "status", f"{rule.status}{f', {dates}' if dates else ''}; sure: {rule.sure}"
    yield "cite", rule.cite


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Rule packs of your own.")], json_: Json = False
) -> int:
    """Show every error of a lender's own packs at once, each at its line and column; one may lie over those before."""
    from policies.compliance.packs import built_in
    from policies.compliance.reading import read_pack

    errors = 0
    beside = list(built_in().values())
    for number, path in enumerate(files):
        data, unreadable = read_policy(path)
        pack, problems = (None, [unreadable]) if unreadable else read_pack(str(path), data, beside)
        errors += sum(1 for problem in problems if problem.severity == "error")
        if json_:
            from policies.language.report import as_json

            say_all(as_json(problem) for problem in problems)
            continue
        blank = "\n" if number and problems else ""
        if problems:
            from policies.language.report import report

            say(blank + report(problems, shown_text(data)))
        if pack is not None:
            beside.append(pack)
            rules = len({rule.rule_id for rule in pack.rules})
            say(f"{path}: good: {pack.name}, {rules} rule{'' if rules == 1 else 's'}")
    if errors and not json_:
        tell(f"duly: {errors} error{'' if errors == 1 else 's'}; the pack cannot be used until they are corrected")
    return WRONG if errors else GOOD
