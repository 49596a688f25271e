"""RFC 6665 4.1: what a subscriber does, clause by clause, in simulated time."""

from __future__ import annotations

import pytest

from provisioning.secret import Secret
from rig.sip.back_off import BackOff
from rig.sip.digest import Challenge
from rig.sip.message import Request, Response
from rig.sip.subscription import NotifyVerdict, Subscriber, SubscriptionState
from rig.sip.tokens import SeededTokens

AOR = "sip:1001@example.test"
BODY = b"Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n"
SUMMARY = "application/simple-message-summary"
BACK_OFF_S = 30.0
TIMER_N_S = 32.0


class Desk:
    """A subscriber and a hand-driven notifier."""

    def __init__(self, expires_s: int = 300) -> None:
        self.core = Subscriber(
            target_uri=AOR,
            aor=AOR,
            contact="<sip:1001@127.0.0.1:5071>",
            tokens=SeededTokens("subscriber"),
            expires_s=expires_s,
            username="1001",
            password=Secret("pass"),
            back_off=BackOff(base_s=BACK_OFF_S, max_s=3600),
        )
        self.cseq: dict[str, int] = {}

    def take(self) -> Request:
        request = self.core.next_request()
        assert request is not None, "a SUBSCRIBE was expected"
        request.headers.insert_first("Via", "SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1")
        return request

    def nothing(self) -> bool:
        return self.core.next_request() is None

    def answer(
        self,
        request: Request,
        status: int,
        now: float,
        *rows: tuple[str, str],
        tag: str = "n1",
    ) -> None:
        response = Response.to_request(
            request, status, to_tag=tag, headers=[("Contact", "<sip:n@127.0.0.1:5080>"), *rows]
        )
        self.core.take_response(request, response, now)

    def notify(
        self,
        now: float,
        state: str = "active;expires=300",
        *,
        tag: str = "n1",
        cseq: int | None = None,
        rows: tuple[tuple[str, str], ...] = (("Event", "message-summary"),),
        content_type: str = SUMMARY,
        body: bytes = BODY,
    ) -> NotifyVerdict:
        number = self.cseq.get(tag, 0) + 1 if cseq is None else cseq
        self.cseq[tag] = max(number, self.cseq.get(tag, 0))
        headers = [
            ("From", f"<{AOR}>;tag={tag}"),
            ("To", f"<{AOR}>;tag={self.core.local_tag}"),
            ("Call-ID", self.core.call_id),
            ("CSeq", f"{number} NOTIFY"),
            ("Contact", "<sip:n@127.0.0.1:5080>"),
            *rows,
        ]
        if state:
            headers.append(("Subscription-State", state))
        if body:
            headers.append(("Content-Type", content_type))
        return self.core.take_notify(Request("NOTIFY", AOR, headers, body), now)

    def establish(self, now: float = 0.0, expires: int = 300) -> Request:
        self.core.start(now)
        request = self.take()
        self.answer(request, 200, now, ("Expires", str(expires)))
        assert self.notify(now, f"active;expires={expires}").status == 200
        assert self.core.state is SubscriptionState.ACTIVE
        return request


@pytest.fixture
def desk() -> Desk:
    return Desk()


class TestCreation:
    def test_the_request(self, desk: Desk) -> None:
        desk.core.start(0)
        request = desk.take()
        assert request.method == "SUBSCRIBE"
        assert request.uri == AOR
        assert request.to.tag is None
        assert request.from_.tag == desk.core.local_tag
        assert request.event == ("message-summary", {})
        assert request.headers.get("Accept") == SUMMARY
        assert request.expires == 300

    def test_a_2xx_alone_is_not_yet_active(self, desk: Desk) -> None:
        desk.core.start(0)
        desk.answer(desk.take(), 200, 0)
        assert desk.core.state is SubscriptionState.SUBSCRIBING

    @pytest.mark.parametrize("status", [200, 202])
    def test_2xx_then_notify(self, desk: Desk, status: int) -> None:
        desk.core.start(0)
        desk.answer(desk.take(), status, 0, ("Expires", "300"))
        verdict = desk.notify(0.1)
        assert (verdict.status, verdict.accepted) == (200, True)
        assert desk.core.state is SubscriptionState.ACTIVE

    def test_notify_before_the_2xx_makes_the_dialog(self, desk: Desk) -> None:
        """4.1.2.4: the NOTIFY may overtake the response."""
        desk.core.start(0)
        request = desk.take()
        assert desk.notify(0.0).status == 200
        assert desk.core.state is SubscriptionState.ACTIVE
        desk.answer(request, 200, 0.3, ("Expires", "300"))
        assert len(desk.core.usages) == 1
        desk.core.handle_timer(271)
        refresh = desk.take()
        assert refresh.to.tag == "n1"
        assert refresh.cseq.number == 2

    def test_pending(self, desk: Desk) -> None:
        desk.core.start(0)
        desk.answer(desk.take(), 202, 0)
        desk.notify(0, "pending;expires=300")
        assert desk.core.state is SubscriptionState.PENDING
        desk.notify(5, "active;expires=295")
        assert desk.core.state is SubscriptionState.ACTIVE

    def test_forks_are_dialogs_of_their_own(self, desk: Desk) -> None:
        """4.1.4 and 4.4.1: each From tag is one."""
        desk.establish()
        assert desk.notify(1.0, tag="n2").status == 200
        assert set(desk.core.usages) == {"n1", "n2"}
        desk.core.handle_timer(275)
        assert {desk.take().to.tag, desk.take().to.tag} == {"n1", "n2"}

    def test_one_fork_gone_the_other_stays(self, desk: Desk) -> None:
        desk.establish()
        desk.notify(1.0, tag="n2")
        assert desk.notify(2.0, "terminated;reason=noresource").terminated
        assert desk.core.state is SubscriptionState.ACTIVE
        assert set(desk.core.usages) == {"n2"}
        assert desk.nothing()

    def test_an_unknown_fork_after_timer_n_is_refused(self, desk: Desk) -> None:
        desk.establish()
        assert desk.notify(TIMER_N_S + 1, tag="late").status == 481

    @pytest.mark.parametrize("attribute", ["call_id", "local_tag"])
    def test_another_call_id_or_tag_is_not_ours(self, desk: Desk, attribute: str) -> None:
        desk.establish()
        assert desk.core.take_notify(self.stray(desk, ""), 1.0).status == 200
        assert desk.core.take_notify(self.stray(desk, attribute), 1.0).status == 481

    @staticmethod
    def stray(desk: Desk, attribute: str) -> Request:
        call_id = "elsewhere" if attribute == "call_id" else desk.core.call_id
        tag = "elsewhere" if attribute == "local_tag" else desk.core.local_tag
        rows = [
            ("From", f"<{AOR}>;tag=n1"),
            ("To", f"<{AOR}>;tag={tag}"),
            ("Call-ID", call_id),
            ("CSeq", "9 NOTIFY"),
            ("Event", "message-summary"),
            ("Subscription-State", "active"),
        ]
        return Request("NOTIFY", AOR, rows)


class TestTimerN:
    def test_no_notify_within_64_t1_begins_anew(self, desk: Desk) -> None:
        """4.1.2.4: without a NOTIFY there is no subscription."""
        desk.core.start(0)
        first = desk.take()
        desk.answer(first, 200, 0.1, ("Expires", "300"))
        assert desk.core.next_timer() == TIMER_N_S
        desk.core.handle_timer(TIMER_N_S - 0.01)
        assert desk.nothing()
        desk.core.handle_timer(TIMER_N_S)
        second = desk.take()
        assert second.call_id != first.call_id
        assert second.to.tag is None
        assert second.cseq.number == 1

    def test_a_lost_response_but_a_notify_is_a_subscription(self, desk: Desk) -> None:
        desk.core.start(0)
        request = desk.take()
        desk.notify(0.1, "active")
        desk.core.take_failure(request, 32, timed_out=True)
        assert desk.core.state is SubscriptionState.ACTIVE
        due = desk.core.next_timer()
        assert due == pytest.approx(32 + 270)

    def test_silence_is_tried_again_later(self, desk: Desk) -> None:
        desk.core.start(0)
        desk.core.take_failure(desk.take(), 32, timed_out=True)
        assert desk.core.last_status == 408
        assert desk.core.state is SubscriptionState.WAITING
        assert desk.core.next_timer() == 32 + BACK_OFF_S


class TestNotifyChecks:
    def test_older_cseq_gets_500_and_changes_nothing(self, desk: Desk) -> None:
        desk.establish()
        assert desk.notify(1, cseq=11).status == 200
        verdict = desk.notify(2, "terminated;reason=noresource", cseq=10)
        assert (verdict.status, verdict.accepted) == (500, False)
        assert desk.core.state is SubscriptionState.ACTIVE

    @pytest.mark.parametrize(
        ("rows", "status"),
        [
            ((("Event", "presence"),), 489),
            ((), 489),
            ((("o", "message-summary"),), 200),
            ((("Event", "Message-Summary;id=7"),), 200),
        ],
    )
    def test_event(self, desk: Desk, rows: tuple[tuple[str, str], ...], status: int) -> None:
        desk.establish()
        verdict = desk.notify(1, rows=rows)
        assert verdict.status == status
        assert verdict.accepted == (status == 200)

    @pytest.mark.parametrize("state", ["", "active;expires=soon", "terminated;retry-after=x"])
    def test_subscription_state_is_a_must(self, desk: Desk, state: str) -> None:
        desk.establish()
        assert desk.notify(1, state).status == 400
        assert desk.core.state is SubscriptionState.ACTIVE

    def test_a_body_of_another_type_gets_415_with_accept(self, desk: Desk) -> None:
        desk.establish()
        verdict = desk.notify(1, content_type="text/plain")
        assert verdict.status == 415
        assert verdict.headers == (("Accept", SUMMARY),)
        assert not verdict.accepted

    def test_an_empty_body_is_fine(self, desk: Desk) -> None:
        desk.establish()
        assert desk.notify(1, body=b"").accepted

    def test_unknown_states_count_as_active(self, desk: Desk) -> None:
        desk.establish()
        assert desk.notify(1, "waiting;expires=300").accepted
        assert desk.core.state is SubscriptionState.ACTIVE


class TestRefresh:
    @pytest.mark.parametrize(("granted", "due"), [(1800, 1620), (20, 10), (60, 50)])
    def test_before_what_was_granted_ends(self, desk: Desk, granted: int, due: float) -> None:
        desk.establish(expires=granted)
        assert desk.core.next_timer() == pytest.approx(due)

    def test_in_the_dialog_with_cseq_plus_one(self, desk: Desk) -> None:
        first = desk.establish()
        desk.core.handle_timer(270)
        refresh = desk.take()
        assert refresh.uri == "sip:n@127.0.0.1:5080"
        assert (refresh.call_id, refresh.to.tag) == (first.call_id, "n1")
        assert refresh.cseq.number == 2
        assert refresh.expires == 300
        desk.answer(refresh, 200, 270, ("Expires", "100"))
        assert desk.core.next_timer() == pytest.approx(360)

    def test_a_notify_moves_the_target(self, desk: Desk) -> None:
        desk.establish()
        notify = TestCreation.stray(desk, "")
        notify.headers.add("Contact", "<sip:moved@127.0.0.1:5099>")
        assert desk.core.take_notify(notify, 1.0).status == 200
        desk.core.handle_timer(271.0)
        assert desk.take().uri == "sip:moved@127.0.0.1:5099"

    def test_notify_sets_the_time_that_counts(self, desk: Desk) -> None:
        desk.establish()
        desk.notify(10, "active;expires=40")
        assert desk.core.next_timer() == pytest.approx(10 + 30)
        desk.notify(20, "active;expires=300")
        assert desk.core.next_timer() == pytest.approx(20 + 270)

    def test_481_begins_anew_at_once(self, desk: Desk) -> None:
        first = desk.establish()
        desk.core.handle_timer(270)
        desk.answer(desk.take(), 481, 270)
        fresh = desk.take()
        assert fresh.call_id != first.call_id
        assert fresh.to.tag is None
        assert desk.core.state is SubscriptionState.SUBSCRIBING

    @pytest.mark.parametrize("status", [500, 503, 408, 400])
    def test_other_failures_leave_it_until_it_expires(self, desk: Desk, status: int) -> None:
        """4.1.2.2: the original subscription is still valid for its duration."""
        desk.establish()
        desk.core.handle_timer(270)
        desk.answer(desk.take(), status, 270)
        assert desk.core.state is SubscriptionState.ACTIVE
        assert desk.notify(280, "active").status == 200
        assert desk.core.next_timer() == pytest.approx(300)

    def test_a_refresh_without_answer_leaves_it_too(self, desk: Desk) -> None:
        desk.establish(expires=3600)
        desk.core.handle_timer(3240)
        desk.core.take_failure(desk.take(), 3272, timed_out=True)
        assert desk.notify(3275, "active").accepted
        assert desk.core.next_timer() == pytest.approx(3272 + BACK_OFF_S)

    def test_expiry_without_refresh_begins_anew(self, desk: Desk) -> None:
        first = desk.establish()
        desk.core.handle_timer(270)
        desk.core.take_failure(desk.take(), 302, timed_out=False)
        desk.core.handle_timer(302)
        assert desk.take().call_id != first.call_id

    @pytest.mark.parametrize("status", [404, 405, 410, 416, 480, 482, 485, 501, 604])
    def test_statuses_that_end_it(self, desk: Desk, status: int) -> None:
        desk.establish()
        desk.core.handle_timer(270)
        desk.answer(desk.take(), status, 270)
        assert desk.core.usages == {}
        assert desk.core.state is SubscriptionState.WAITING
        assert desk.core.next_timer() == 270 + BACK_OFF_S

    def test_a_stale_nonce_costs_one_silent_round(self, desk: Desk) -> None:
        desk.core.start(0)
        first = desk.take()
        challenge = Challenge("r", "n1", "MD5", ("auth",))
        desk.answer(first, 401, 0, ("WWW-Authenticate", str(challenge)))
        second = desk.take()
        assert (second.call_id, second.cseq.number) == (first.call_id, 2)
        desk.answer(second, 200, 0, ("Expires", "300"))
        desk.notify(0)
        desk.core.handle_timer(270)
        refresh = desk.take()
        assert refresh.cseq.number == 3
        stale = Challenge("r", "n2", "MD5", ("auth",), stale=True)
        desk.answer(refresh, 401, 270, ("WWW-Authenticate", str(stale)))
        again = desk.take()
        assert again.cseq.number == 4
        desk.answer(again, 200, 270, ("Expires", "300"))
        assert desk.core.state is SubscriptionState.ACTIVE
        desk.core.handle_timer(541)
        assert desk.take().cseq.number == 5


class TestRefusal:
    def test_489_stops(self, desk: Desk) -> None:
        desk.core.start(0)
        desk.answer(desk.take(), 489, 0, ("Allow-Events", "presence"))
        assert desk.core.state is SubscriptionState.ENDED
        assert desk.core.next_timer() is None

    @pytest.mark.parametrize("status", [403, 404, 603, 500, 406])
    def test_others_back_off_and_double(self, desk: Desk, status: int) -> None:
        desk.core.start(0)
        desk.answer(desk.take(), status, 0)
        assert desk.nothing()
        assert desk.core.next_timer() == BACK_OFF_S
        desk.core.handle_timer(BACK_OFF_S)
        desk.answer(desk.take(), status, BACK_OFF_S)
        assert desk.core.next_timer() == BACK_OFF_S + 2 * BACK_OFF_S

    def test_retry_after(self, desk: Desk) -> None:
        desk.core.start(0)
        desk.answer(desk.take(), 503, 0, ("Retry-After", "120"))
        assert desk.core.next_timer() == 120

    def test_423(self, desk: Desk) -> None:
        desk.core.start(0)
        first = desk.take()
        desk.answer(first, 423, 0, ("Min-Expires", "600"))
        second = desk.take()
        assert second.expires == 600
        assert second.call_id == first.call_id
        assert second.cseq.number == 2

    def test_wrong_password_is_bounded(self, desk: Desk) -> None:
        desk.core.start(0)
        challenge = ("WWW-Authenticate", str(Challenge("r", "n1", "MD5", ("auth",))))
        desk.answer(desk.take(), 401, 0, challenge)
        desk.answer(desk.take(), 401, 0, challenge)
        assert desk.nothing()
        assert desk.core.state is SubscriptionState.WAITING


class TestTermination:
    @pytest.mark.parametrize("reason", ["deactivated", "timeout"])
    def test_at_once(self, desk: Desk, reason: str) -> None:
        first = desk.establish()
        assert desk.notify(5, f"terminated;reason={reason}").terminated
        assert desk.take().call_id != first.call_id

    @pytest.mark.parametrize("reason", ["rejected", "noresource", "invariant"])
    def test_never(self, desk: Desk, reason: str) -> None:
        desk.establish()
        assert desk.notify(5, f"terminated;reason={reason};retry-after=1").status == 200
        assert desk.nothing()
        assert desk.core.state is SubscriptionState.ENDED
        assert desk.core.next_timer() is None

    @pytest.mark.parametrize("reason", ["probation", "giveup"])
    def test_after_retry_after(self, desk: Desk, reason: str) -> None:
        desk.establish()
        desk.notify(5, f"terminated;reason={reason};retry-after=20")
        assert desk.core.next_timer() == 25
        desk.core.handle_timer(24.9)
        assert desk.nothing()
        desk.core.handle_timer(25)
        assert desk.take().method == "SUBSCRIBE"

    @pytest.mark.parametrize(
        "state", ["terminated", "terminated;reason=goinghome", "terminated;reason=probation"]
    )
    def test_unknown_or_no_reason_waits_for_the_back_off(self, desk: Desk, state: str) -> None:
        desk.establish()
        assert desk.notify(5, state).status == 200
        assert desk.core.state is SubscriptionState.WAITING
        assert desk.core.next_timer() == 5 + BACK_OFF_S

    def test_a_notifier_that_always_deactivates_is_not_stormed(self, desk: Desk) -> None:
        desk.core.start(0)
        rounds = 0
        while (request := desk.core.next_request()) is not None and rounds < 50:
            request.headers.insert_first("Via", "SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1")
            desk.answer(request, 200, 0)
            desk.cseq.clear()
            desk.notify(0, "terminated;reason=deactivated")
            rounds += 1
        assert rounds == 4
        assert desk.core.state is SubscriptionState.WAITING

    def test_the_terminated_dialog_is_gone(self, desk: Desk) -> None:
        desk.establish()
        desk.notify(5, "terminated;reason=noresource")
        assert desk.notify(6).status == 481

    def test_expires_0_granted_means_one_notify(self, desk: Desk) -> None:
        desk.core.start(0)
        desk.answer(desk.take(), 200, 0, ("Expires", "0"))
        assert desk.notify(0.1, "terminated;reason=timeout").accepted
        assert desk.nothing()
        assert desk.core.state is SubscriptionState.WAITING


class TestStop:
    def test_expires_0_and_the_last_notify(self, desk: Desk) -> None:
        desk.establish()
        desk.core.stop(10)
        request = desk.take()
        assert request.expires == 0
        assert request.to.tag == "n1"
        desk.answer(request, 200, 10)
        assert desk.core.state is SubscriptionState.ENDING
        assert desk.notify(10, "terminated;reason=timeout").accepted
        assert desk.core.state is SubscriptionState.ENDED
        assert desk.nothing()
        assert desk.core.next_timer() is None

    def test_without_a_last_notify_timer_n_ends_it(self, desk: Desk) -> None:
        desk.establish()
        desk.core.stop(10)
        desk.answer(desk.take(), 200, 10)
        desk.core.handle_timer(10 + TIMER_N_S)
        assert desk.core.state is SubscriptionState.ENDED

    def test_a_refused_end_is_an_end(self, desk: Desk) -> None:
        desk.establish()
        desk.core.stop(10)
        desk.answer(desk.take(), 481, 10)
        assert desk.core.state is SubscriptionState.ENDED
        assert desk.nothing()

    def test_stopped_before_the_answer(self, desk: Desk) -> None:
        desk.core.start(0)
        request = desk.take()
        desk.core.stop(0.1)
        assert desk.core.state is SubscriptionState.ENDED
        desk.answer(request, 200, 0.2)
        assert desk.take().expires == 0

    def test_it_can_begin_again(self, desk: Desk) -> None:
        desk.establish()
        desk.notify(5, "terminated;reason=rejected")
        desk.core.start(6)
        assert desk.take().to.tag is None

    def test_a_fetch_ends_by_itself(self) -> None:
        desk = Desk(expires_s=0)
        desk.core.start(0)
        request = desk.take()
        assert request.expires == 0
        desk.answer(request, 200, 0, ("Expires", "0"))
        assert desk.notify(0, "terminated;reason=timeout").accepted
        assert desk.core.state is SubscriptionState.ENDED
        assert desk.nothing()
