"""Settings of the embedded platform: what an administrator of a real one would set."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from provisioning.database_url import DatabaseUrl
from provisioning.pin import outside_platform_ranges
from rig.errors import UsageError
from rig.mailbox_platform.embedded.mail.mail_config import MailConfig
from rig.mailbox_platform.embedded.portal.portal_menu import PortalMenu
from rig.mailbox_platform.embedded.voicemail.deposit_policy import DepositPolicy
from rig.mailbox_platform.embedded.voicemail.pin_book import PinPolicy
from rig.mailbox_platform.embedded.web.web_config import WebConfig
from rig.media.spoken import TONES, require_language
from rig.sip.timers import DEFAULT_TIMERS, TimerValues
from rig.timeline import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformConfig:
    """How the embedded platform behaves; the defaults are those of a careful hosted platform.

    Attributes:
        seconds_per_ring: what one ring lasts, in seconds; ring counts of mailboxes and forward
            rules are multiplied by it. None means the site's.
        send_diversion: put ``Diversion`` on every diverted leg.
        send_history_info: put ``History-Info`` on every diverted leg.
        send_181: tell the caller that the call is being forwarded.
        mwi_delay_s: hold every NOTIFY back that long after a change; 0 sends at once.
            BroadWorks calls it mwiDelayInSeconds, 0 to 300.
        mwi_min_interval_s: least time from one NOTIFY to the next for one subscription or
            contact; changes in between are merged, one that switches the lamp goes at once.
        mwi_send_saved: report heard messages; otherwise their count is left out. Together with
            the next, BroadWorks calls it sendSavedAndUrgentMWIOnNotification.
        mwi_send_urgent: report the urgent pair; otherwise the parenthesis is left out.
        mwi_on_register: tell a phone that relies on unsolicited NOTIFYs at each of its
            registrations; BroadWorks calls it sendMessageSummaryUpdateOnRegister.
        mwi_on_register_min_s: least time between two such NOTIFYs to one contact, 0 to 86400; 0
            for every registration; BroadWorks calls it minTimeBetweenMWIOnRegister. A contact
            that did not take the last NOTIFY, or was told another state, is told all the same.
        mwi_only_as_configured: refuse the SUBSCRIBE of an account that the site sets to
            unsolicited MWI or to none; otherwise its subscription takes the place of the
            unsolicited NOTIFYs.
        unknown_mailbox_status: answer to a SUBSCRIBE for a mailbox that is not there or not the
            subscriber's; 404 or 403, the same for both, so that nobody learns which exist.
        realm: digest realm; empty means the site's domain.
        algorithms: digest algorithms, strongest first; each gets a challenge of its own.
        md5_only_agents: beginnings of User-Agents that are offered MD5 alone, in any case:
            baresip 1.0.0 refuses to register when any challenge is not MD5.
        nonce_lifetime_s: age at which a nonce is stale.
        register_min_expires_s: shorter bindings are refused with 423.
        register_max_expires_s: longer bindings are cut to this.
        register_default_expires_s: when the handset names none.
        subscribe_min_expires_s: shorter subscriptions are refused with 423.
        subscribe_max_expires_s: longer subscriptions are cut to this.
        max_contacts: bindings that one AOR may have.
        max_subscriptions: live message-summary subscriptions that one AOR may have; the newest
            wins, the oldest is ended with Retry-After.
        source_rate_per_s: REGISTERs and SUBSCRIBEs a second from one address and port, in the
            long run; more get 503 with Retry-After. Raise it where many phones share one.
        source_burst: how many of them may come at once.
        account_rate_per_s: the same for one account, proven by digest, from wherever.
        account_burst: how many of them may come at once.
        wrong_passwords_burst: wrong SIP passwords that one host may send for one user name before
            it is refused whatever it sends for that name.
        wrong_passwords_per_min: how many more it may send a minute then.
        storm_retry_after_s: Retry-After of these 503.
        overload_after_s: when requests have come faster than they are dealt with for so long,
            REGISTERs that begin anew get 503.
        overload_begin_per_s: so many a second may begin even then.
        overload_retry_after_s: Retry-After of these is 1 to so many seconds, spread by Call-ID.
        max_diversions: diversions that one call may undergo before it is refused.
        max_calls: calls that may be routed at the same time.
        default_ring_s: ringing time when neither mailbox nor forwarding limits it.
        allowed_redirect_prefixes: numbers outside the site that a handset's 302 may name.
        call_check_s: in a call, each phone is asked by OPTIONS so often whether it still has
            the call, seconds; one that does not answer, or does not know it, ends it for the
            other side. 0 asks never: a call then lasts until one side says BYE.
        mailbox_ack_s: how long a caller of the mailbox may leave the 200 without ACK, seconds.
            RFC 3261 section 13.3.1.4 allows 64*T1 (32 s), which other calls get; a mailbox
            that is held for that long by a caller who has vanished is busy for others.
        pin_policy: what is demanded of PINs, and for how long they hold.
        identify_by_alias: a call to the voice portal from an alias of a mailbox means that
            mailbox (R19); otherwise only the owner's own number does.
        trusted_peers: source addresses (host, port) that need no digest: a trunk.
        durable_store: wait for the disk at every change, so that what anybody was told of
            survives a power cut of this machine too; without it, it survives the end of the
            process.
        database: PostgreSQL, to keep messages and settings in; None for the platform's folder.
        deposit: what counts as a message, when a recording ends, and how much a mailbox holds.
        retention_days: messages older than this are removed, and the phones told; 0 keeps
            them for ever.
        retention_check_s: how often that is looked after, seconds.
        trunk: where numbers outside the site are sent, or None if there is no trunk.
        mail: where mail about messages is handed in, or None for no mail at all; a mailbox
            that redirects its messages then keeps them.
        warn_without_mail: log once which mailboxes want mail when there is no mail server;
            switch it off where mail is no part of the exercise.
        portal_menu: keys and times of the voice portal, or None for those that come with the
            package (:func:`.portal.portal_menu.load_portal_menu` reads a file of one's own).
        token_seed: for repeatable branches, tags and Call-IDs in trials; empty for random ones.
        sip_timers: base values of the SIP transaction timers; shorter ones end lost
            transactions sooner, for a platform and phones on one machine.
        prompt_language: of prompts and standard greetings: ``tones`` (short sounds for programs),
            ``de`` or ``en`` (recorded speech, which begins with the same identifiers).
        api_port: TCP port of the HTTP API (Xsi and management), 0 for any free one, None for no
            API.
        api_heartbeat_s: between two heartbeats on an event channel of the API, seconds; a
            client that is silent for four of them loses its channel.
        web_port: TCP port of the settings page for browsers, 0 for any free one, None for no
            page.
        web: how the settings page is served.

    Source: RFC 3261 sections 10.3 and 22, RFC 6665 section 4.2.1.1, RFC 3842 section 3.4.
    """

    seconds_per_ring: float | None = None
    send_diversion: bool = True
    send_history_info: bool = True
    send_181: bool = True
    mwi_delay_s: float = 0.0
    mwi_min_interval_s: float = 0.0
    mwi_send_saved: bool = True
    mwi_send_urgent: bool = True
    mwi_on_register: bool = True
    mwi_on_register_min_s: float = 0.0
    mwi_only_as_configured: bool = False
    unknown_mailbox_status: int = 404
    realm: str = ""
    algorithms: tuple[str, ...] = ("SHA-256", "MD5")
    md5_only_agents: tuple[str, ...] = ("baresip v0", "baresip v1")
    nonce_lifetime_s: float = 300.0
    register_min_expires_s: int = 10
    register_max_expires_s: int = 3600
    register_default_expires_s: int = 3600
    subscribe_min_expires_s: int = 5
    subscribe_max_expires_s: int = 3600
    max_contacts: int = 10
    max_subscriptions: int = 5
    source_rate_per_s: float = 100.0
    source_burst: int = 300
    account_rate_per_s: float = 10.0
    account_burst: int = 100
    wrong_passwords_burst: int = 5
    wrong_passwords_per_min: float = 5.0
    storm_retry_after_s: int = 10
    overload_after_s: float = 10.0
    overload_begin_per_s: float = 200.0
    overload_retry_after_s: int = 10
    max_diversions: int = 5
    max_calls: int = 200
    default_ring_s: float = 120.0
    allowed_redirect_prefixes: tuple[str, ...] = ()
    call_check_s: float = 120.0
    mailbox_ack_s: float = 5.0
    pin_policy: PinPolicy = field(default_factory=PinPolicy)
    identify_by_alias: bool = True
    trusted_peers: tuple[Address, ...] = ()
    durable_store: bool = True
    database: DatabaseUrl | None = None
    deposit: DepositPolicy = field(default_factory=DepositPolicy)
    retention_days: float = 0
    retention_check_s: float = 60.0
    trunk: Address | None = None
    mail: MailConfig | None = None
    warn_without_mail: bool = True
    portal_menu: PortalMenu | None = None
    prompt_language: str = TONES
    token_seed: str = ""
    sip_timers: TimerValues = DEFAULT_TIMERS
    api_port: int | None = None
    api_heartbeat_s: float = 15.0
    web_port: int | None = None
    web: WebConfig = field(default_factory=WebConfig)

    def __post_init__(self) -> None:
        """Refuse settings that no platform could honour."""
        require_language(self.prompt_language)
        if self.seconds_per_ring is not None and self.seconds_per_ring <= 0:
            raise UsageError(
                f"platform config: seconds_per_ring is {self.seconds_per_ring}; "
                "expected more than 0. Use 5.0 for real time, 1.0 for a demo."
            )
        if not 0 < self.register_min_expires_s <= self.register_max_expires_s:
            raise UsageError(
                "platform config: register_min_expires_s must be above 0 and not above "
                f"register_max_expires_s, got {self.register_min_expires_s} and "
                f"{self.register_max_expires_s}. Swap or correct them."
            )
        if not 0 < self.subscribe_min_expires_s <= self.subscribe_max_expires_s:
            raise UsageError(
                "platform config: subscribe_min_expires_s must be above 0 and not above "
                f"subscribe_max_expires_s, got {self.subscribe_min_expires_s} and "
                f"{self.subscribe_max_expires_s}. Swap or correct them."
            )
        self._check_mwi()
        if self.api_port is not None and not 0 <= self.api_port <= 65535:
            raise UsageError(
                f"platform config: api_port is {self.api_port}; expected 0 to 65535, or None "
                "for no API."
            )
        if self.web_port is not None and not 0 <= self.web_port <= 65535:
            raise UsageError(
                f"platform config: web_port is {self.web_port}; expected 0 to 65535, or None "
                "for no settings page."
            )
        if self.api_heartbeat_s <= 0:
            raise UsageError(
                f"platform config: api_heartbeat_s is {self.api_heartbeat_s}; expected more "
                "than 0. Use 15.0."
            )
        self._check_calls()
        if self.retention_days < 0 or self.retention_check_s <= 0:
            raise UsageError(
                f"platform config: retention_days is {self.retention_days}, retention_check_s "
                f"{self.retention_check_s}; expected 0 (for ever) or more days, and more than 0 s."
            )
        impossible = outside_platform_ranges(self.pin_policy.rules)
        if impossible:
            raise UsageError(
                f"platform config: pin_policy.rules: {'; '.join(impossible)}. Correct them."
            )
        if self.max_diversions < 1:
            raise UsageError(
                f"platform config: max_diversions is {self.max_diversions}; expected at least 1, "
                "since going to the mailbox is a diversion."
            )

    def _check_calls(self) -> None:
        if self.mailbox_ack_s <= 0:
            raise UsageError(
                f"platform config: mailbox_ack_s is {self.mailbox_ack_s}; expected more than 0. "
                "Use 5.0."
            )
        faults = self.deposit.faults()
        if faults:
            raise UsageError(f"platform config: deposit: {'; '.join(faults)}. Correct them.")
        if not 0 <= self.call_check_s < math.inf:
            raise UsageError(
                f"platform config: call_check_s is {self.call_check_s}; expected 0 (never) or "
                "more seconds. Use 120.0."
            )

    def _check_mwi(self) -> None:
        for name, most in (
            ("mwi_delay_s", 300.0),
            ("mwi_min_interval_s", 3600.0),
            ("mwi_on_register_min_s", 86400.0),
        ):
            value: float = getattr(self, name)
            if not 0 <= value <= most:
                raise UsageError(
                    f"platform config: {name} is {value}; expected 0 to {most:g} seconds."
                )
        for name in (
            "max_subscriptions",
            "source_rate_per_s",
            "source_burst",
            "account_rate_per_s",
            "account_burst",
            "wrong_passwords_burst",
            "wrong_passwords_per_min",
            "storm_retry_after_s",
            "overload_begin_per_s",
            "overload_retry_after_s",
        ):
            if getattr(self, name) < 1:
                raise UsageError(
                    f"platform config: {name} is {getattr(self, name)}; expected at least 1."
                )
        if self.unknown_mailbox_status not in {403, 404}:
            raise UsageError(
                "platform config: unknown_mailbox_status is "
                f"{self.unknown_mailbox_status}; expected 404 or 403."
            )
