"""``phonerig platform``: the embedded mailbox platform as a target for any SIP phone."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rig.commands.common import clear_errors, read_site, say, several, show_table
from rig.commands.platform_options import deposit_policy, mail_config, web_config
from rig.commands.service import EventLines, run_until_stopped

if TYPE_CHECKING:
    from provisioning.inventory_model import User
    from provisioning.inventory_site import Site
    from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
    from rig.timeline import MailboxSeen

_LOOK_EVERY_S = 0.2

app = typer.Typer(no_args_is_help=True, help="Run the embedded mailbox platform.")


@app.command()
def run(
    site: Annotated[str, typer.Argument(help="Inventory file or its folder, or 'demo'.")],
    host: Annotated[str, typer.Option(help="Numeric address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="SIP port, UDP and TCP; 0 for any free one.")
    ] = 5060,
    store: Annotated[
        str | None,
        typer.Option(
            help="What keeps messages and settings: a folder, or postgresql://user@host/name (a "
            "password is safer in PHONERIG_STORE or ~/.pgpass than here). Lost if left out.",
            envvar="PHONERIG_STORE",
            show_envvar=False,
        ),
    ] = None,
    mail_queue: Annotated[
        Path | None,
        typer.Option(help="Folder of mails still to be delivered, where --store is a database."),
    ] = None,
    seconds_per_ring: Annotated[
        float | None, typer.Option(min=0.05, help="Length of one ring; the site's if left out.")
    ] = None,
    max_messages: Annotated[
        int | None, typer.Option(help="Messages that a mailbox holds; 100 if left out.")
    ] = None,
    max_message: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Longest message; 180 s if left out."),
    ] = None,
    min_message: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Shorter is no message; 1 s if left out."),
    ] = None,
    end_silence: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Silence that ends a recording; 10 s if left out."),
    ] = None,
    api_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="TCP port of the HTTP API (Xsi), 0 for any free one; no API if left out.",
        ),
    ] = None,
    web_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="TCP port of the settings page, 0 for any free one; no page if left out.",
        ),
    ] = None,
    web_admin_password: Annotated[
        str | None,
        typer.Option(
            metavar="REF",
            help="Secret of the page's administrator: env:NAME or file:path; none if left out.",
        ),
    ] = None,
    web_host_name: Annotated[
        list[str] | None,
        typer.Option(help="Name that browsers may use for the page; may be given several times."),
    ] = None,
    web_behind_tls: Annotated[
        bool,
        typer.Option("--web-behind-tls", help="Browsers come by HTTPS through a proxy of yours."),
    ] = False,
    web_texts: Annotated[
        Path | None, typer.Option(help="Folder with de.yaml, en.yaml: texts of your own.")
    ] = None,
    smtp: Annotated[
        str | None,
        typer.Option(metavar="HOST[:PORT]", help="Mail server; no mail if left out."),
    ] = None,
    mail_from: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Address that mails come from.")
    ] = None,
    smtp_tls: Annotated[
        str, typer.Option(help="Encryption of mail (STARTTLS): never, if_offered or required.")
    ] = "if_offered",
    smtp_ca_file: Annotated[
        Path | None, typer.Option(help="Certificates to trust instead of the system's.")
    ] = None,
    smtp_user: Annotated[str, typer.Option(help="User at the mail server.")] = "",
    smtp_password: Annotated[
        str | None,
        typer.Option(metavar="REF", help="Secret at the mail server: env:NAME or file:path."),
    ] = None,
    language: Annotated[
        str,
        typer.Option(
            "--language", "--lang", help="What the mailbox speaks: de, en, or tones for programs."
        ),
    ] = "tones",
    show_secrets: Annotated[
        bool, typer.Option("--show-secrets", help="Print SIP passwords and PINs.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """Be a hosted platform with mailboxes that any SIP phone can register to.

    Shows registrations and mailboxes as they change. Runs until Ctrl-C or SIGTERM.
    """
    from provisioning.database_url import DatabaseUrl, is_database_url
    from rig.errors import UsageError
    from rig.mailbox_platform.embedded.config import PlatformConfig
    from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform

    with clear_errors(as_json=as_json), tempfile.TemporaryDirectory(prefix="phonerig-") as work:
        inventory = read_site(site)
        database = DatabaseUrl(store) if store and is_database_url(store) else None
        if database is not None and smtp and mail_queue is None:
            raise UsageError(
                "platform run: --store is a database and --smtp is given; mails that are still to "
                "be delivered are kept in a folder. Name it with --mail-queue."
            )
        folder = mail_queue if database is not None else store
        serving = EmbeddedPlatform(
            inventory,
            host=host,
            port=port,
            store_dir=Path(folder or work),
            config=PlatformConfig(
                seconds_per_ring=seconds_per_ring,
                deposit=deposit_policy(
                    max_messages=max_messages,
                    max_message_s=max_message,
                    min_message_s=min_message,
                    silence_s=end_silence,
                ),
                api_port=api_port,
                database=database,
                web_port=web_port,
                web=web_config(
                    web_port,
                    admin_password=web_admin_password,
                    host_names=web_host_name or (),
                    behind_tls=web_behind_tls,
                    texts=web_texts,
                ),
                mail=mail_config(
                    smtp,
                    mail_from,
                    smtp_tls,
                    ca_file=smtp_ca_file,
                    user=smtp_user,
                    password=smtp_password,
                ),
                prompt_language=language,
            ),
        )
        lines = EventLines(as_json=as_json)
        run_until_stopped(_run(serving, lines, show_secrets=show_secrets, as_json=as_json))


async def _run(
    platform: EmbeddedPlatform, lines: EventLines, *, show_secrets: bool, as_json: bool
) -> None:
    from rig.clock import now

    def mailbox_changed(change: MailboxSeen) -> None:
        lines.tell(
            change.at,
            f"mailbox {change.mailbox}: {change.new} new, {change.saved} saved ({change.cause})",
            event="mailbox",
            mailbox=change.mailbox,
            new=change.new,
            saved=change.saved,
            urgent_new=change.urgent_new,
            urgent_saved=change.urgent_saved,
            cause=change.cause,
        )

    await platform.start()
    platform.subscribe(mailbox_changed)
    try:
        if not as_json:
            _introduce(platform.site, show_secrets=show_secrets)
        where = "{}:{}".format(*platform.sip_address)
        lines.tell(
            now(),
            f"registrar and proxy {where} (UDP, TCP), domain {platform.site.domain}, "
            f"voice portal {platform.site.voice_portal_number or 'none'}; Ctrl-C stops",
            event="serving",
            registrar=where,
            domain=platform.site.domain,
            voice_portal=platform.site.voice_portal_number,
            users=[_user_data(user, show_secrets=show_secrets) for user in _users(platform.site)],
        )
        if platform.config.api_port is not None:
            url = "http://{}:{}".format(*platform.api_address)
            lines.tell(now(), f"HTTP API {url}", event="api", url=url)
        if platform.config.web_port is not None:
            url = "http://{}:{}/".format(*platform.web_address)
            lines.tell(now(), f"settings page {url}", event="web", url=url)
        for user in _users(platform.site):
            if user.mailbox is not None:
                counts = await platform.counts(user.number)
                if counts.new or counts.saved:
                    mailbox_changed(counts)
        await _show_registrations(platform, lines)
    finally:
        await platform.stop()
        lines.tell(now(), "stopped", event="stopped")


def _users(site: Site) -> list[User]:
    return sorted(site.users.values(), key=lambda user: user.number)


def _user_data(user: User, *, show_secrets: bool) -> dict[str, object]:
    data: dict[str, object] = {
        "number": user.number,
        "extension": user.extension,
        "name": user.name,
        "sip_user": user.sip_user,
        "auth_user": user.auth_user,
        "mailbox": user.mailbox is not None,
        "aliases": list(user.mailbox.aliases) if user.mailbox else [],
    }
    if show_secrets:
        data["password"] = user.password.reveal()
        data["pin"] = user.mailbox.pin.reveal() if user.mailbox else ""
    return data


def _introduce(site: Site, *, show_secrets: bool) -> None:
    rows = []
    for user in _users(site):
        box = "\n".join(("own", *user.mailbox.aliases)) if user.mailbox is not None else "no"
        row = [user.number, user.extension, user.sip_user, user.auth_user, box]
        if show_secrets:
            pin = user.mailbox.pin.reveal() if user.mailbox else ""
            row += [user.password.reveal(), pin]
        rows.append((*row, user.name))
    secrets = ("password", "PIN") if show_secrets else ()
    show_table(
        ("number", "ext.", "SIP user", "auth user", "mailbox, aliases", *secrets, "name"), rows
    )
    if not show_secrets:
        say("passwords and PINs are in the inventory, or with --show-secrets")


async def _show_registrations(platform: EmbeddedPlatform, lines: EventLines) -> None:
    """Show what changes; an expiry makes no packet, so looking is the only way."""
    from rig.clock import now

    seen: dict[str, list[str]] = {}
    watching = 0
    while True:
        for number in platform.site.users:
            contacts = platform.contacts(number)
            if contacts == seen.get(number, []):
                continue
            seen[number] = contacts
            text = (
                f"registered at {', '.join(contacts)}" if contacts else "not registered any more"
            )
            lines.tell(
                now(), f"{number} {text}", event="registration", number=number, contacts=contacts
            )
        if platform.subscriptions != watching:
            watching = platform.subscriptions
            lines.tell(
                now(),
                several(watching, "message-summary subscription"),
                event="subscriptions",
                subscriptions=watching,
            )
        await asyncio.sleep(_LOOK_EVERY_S)
