"""The four transactions of RFC 3261 as literal transition tables.

A transition is ``(state, input) -> (next state, actions)``. The tables are total: an input
that means nothing in a state is written down as staying there and doing nothing, so that a
test can walk every cell and the documentation can draw every arrow. The tables know neither
messages nor time; :mod:`rig.sip.user_agent` carries the actions out.

Covers RFC 3261 17.1 and 17.2, amended by RFC 6026 7 (the *accepted* states with timers L and
M; a server transaction survives transport errors), the client's patience after a CANCEL
(RFC 3261 9.1), and the repetition of a 2xx until its ACK (RFC 3261 13.3.1.4), which belongs to
the UAS core but shares the transaction's life.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """States of all four machines; each uses some of them."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Input(StrEnum):
    """What can happen to a transaction."""

    REQUEST = "request"
    """The same request again (server)."""
    ACK = "ACK"
    """An ACK that belongs to this INVITE (server)."""
    PROVISIONAL = "1xx"
    """Received by a client, or commanded by the user of a server transaction."""
    SUCCESS = "2xx"
    FAILURE = "3xx-6xx"
    CANCEL = "cancel"
    """The user wants the INVITE cancelled (client)."""
    TRANSPORT_ERROR = "transport error"
    TIMER_A = "timer A"
    TIMER_B = "timer B"
    TIMER_D = "timer D"
    TIMER_E = "timer E"
    TIMER_F = "timer F"
    TIMER_G = "timer G"
    TIMER_H = "timer H"
    TIMER_I = "timer I"
    TIMER_J = "timer J"
    TIMER_K = "timer K"
    TIMER_L = "timer L"
    TIMER_M = "timer M"
    TIMER_100 = "timer 100"
    """200 ms without a response from the user: send 100 Trying. Source: RFC 3261 17.2.1."""
    TIMER_2XX = "timer 2xx"
    """Time to repeat a 2xx that no ACK has answered. Source: RFC 3261 13.3.1.4."""
    TIMER_CANCEL = "timer CANCEL"
    """64*T1 after a CANCEL without a final response. Source: RFC 3261 9.1."""
    TIMER_ABANDONED = "timer abandoned"
    """64*T1 without an answer from the user: the client has given up, so nothing is lost."""


class Action(StrEnum):
    """What a transition asks of the user agent core."""

    DELIVER = "deliver response"
    DELIVER_ACK = "deliver ACK"
    RETRANSMIT = "send again"
    SEND = "send response"
    SEND_ACK = "send ACK"
    SEND_CANCEL = "send CANCEL"
    SEND_100 = "send 100"
    START_D = "start D"
    START_G = "start G"
    START_H = "start H"
    START_I = "start I"
    START_J = "start J"
    START_K = "start K"
    START_L = "start L"
    START_M = "start M"
    START_2XX = "start 2xx"
    START_CANCEL = "start CANCEL"
    AGAIN_DOUBLED = "again, doubled"
    """Arm the retransmission timer once more with twice the interval (timer A)."""
    AGAIN_CAPPED = "again, doubled up to T2"
    """As above but never above T2 (timers E, G and 2xx)."""
    AGAIN_T2 = "again, T2"
    """Arm it with T2 (timer E in *proceeding*)."""
    STOP_REPEAT = "stop repeating"
    STOP_END = "stop the end timer"
    REPORT_TIMEOUT = "report timeout"
    REPORT_TRANSPORT = "report transport error"
    REPORT_NO_ACK = "report missing ACK"


Transition = tuple[State, tuple[Action, ...]]
Table = Mapping[tuple[State, Input], Transition]


class Kind(StrEnum):
    """Which of the four machines a transaction is."""

    INVITE_CLIENT = "INVITE client"
    CLIENT = "non-INVITE client"
    INVITE_SERVER = "INVITE server"
    SERVER = "non-INVITE server"


_S, _I, _A = State, Input, Action

INVITE_CLIENT: Table = {
    (_S.CALLING, _I.PROVISIONAL): (
        _S.PROCEEDING,
        (_A.STOP_REPEAT, _A.STOP_END, _A.DELIVER),
    ),
    (_S.CALLING, _I.SUCCESS): (_S.ACCEPTED, (_A.STOP_REPEAT, _A.START_M, _A.DELIVER)),
    (_S.CALLING, _I.FAILURE): (
        _S.COMPLETED,
        (_A.STOP_REPEAT, _A.SEND_ACK, _A.START_D, _A.DELIVER),
    ),
    # Nothing may be cancelled before a provisional response: the wish is remembered (9.1).
    (_S.CALLING, _I.CANCEL): (_S.CALLING, ()),
    (_S.CALLING, _I.TIMER_A): (_S.CALLING, (_A.RETRANSMIT, _A.AGAIN_DOUBLED)),
    (_S.CALLING, _I.TIMER_B): (_S.TERMINATED, (_A.REPORT_TIMEOUT,)),
    (_S.CALLING, _I.TIMER_D): (_S.CALLING, ()),
    (_S.CALLING, _I.TIMER_M): (_S.CALLING, ()),
    (_S.CALLING, _I.TIMER_CANCEL): (_S.CALLING, ()),
    (_S.CALLING, _I.TRANSPORT_ERROR): (_S.TERMINATED, (_A.REPORT_TRANSPORT,)),
    (_S.PROCEEDING, _I.PROVISIONAL): (_S.PROCEEDING, (_A.DELIVER,)),
    (_S.PROCEEDING, _I.SUCCESS): (_S.ACCEPTED, (_A.START_M, _A.DELIVER)),
    (_S.PROCEEDING, _I.FAILURE): (_S.COMPLETED, (_A.SEND_ACK, _A.START_D, _A.DELIVER)),
    (_S.PROCEEDING, _I.CANCEL): (_S.PROCEEDING, (_A.SEND_CANCEL, _A.START_CANCEL)),
    (_S.PROCEEDING, _I.TIMER_A): (_S.PROCEEDING, ()),
    (_S.PROCEEDING, _I.TIMER_B): (_S.PROCEEDING, ()),
    (_S.PROCEEDING, _I.TIMER_D): (_S.PROCEEDING, ()),
    (_S.PROCEEDING, _I.TIMER_M): (_S.PROCEEDING, ()),
    (_S.PROCEEDING, _I.TIMER_CANCEL): (_S.TERMINATED, (_A.REPORT_TIMEOUT,)),
    (_S.PROCEEDING, _I.TRANSPORT_ERROR): (_S.TERMINATED, (_A.REPORT_TRANSPORT,)),
    # RFC 6026 7.2: further 2xx, of this branch or of forks, go to the user.
    (_S.ACCEPTED, _I.PROVISIONAL): (_S.ACCEPTED, ()),
    (_S.ACCEPTED, _I.SUCCESS): (_S.ACCEPTED, (_A.DELIVER,)),
    (_S.ACCEPTED, _I.FAILURE): (_S.ACCEPTED, ()),
    (_S.ACCEPTED, _I.CANCEL): (_S.ACCEPTED, ()),
    (_S.ACCEPTED, _I.TIMER_A): (_S.ACCEPTED, ()),
    (_S.ACCEPTED, _I.TIMER_B): (_S.ACCEPTED, ()),
    (_S.ACCEPTED, _I.TIMER_D): (_S.ACCEPTED, ()),
    (_S.ACCEPTED, _I.TIMER_M): (_S.TERMINATED, ()),
    (_S.ACCEPTED, _I.TIMER_CANCEL): (_S.ACCEPTED, ()),
    (_S.ACCEPTED, _I.TRANSPORT_ERROR): (_S.ACCEPTED, ()),
    (_S.COMPLETED, _I.PROVISIONAL): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.SUCCESS): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.FAILURE): (_S.COMPLETED, (_A.SEND_ACK,)),
    (_S.COMPLETED, _I.CANCEL): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.TIMER_A): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.TIMER_B): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.TIMER_D): (_S.TERMINATED, ()),
    (_S.COMPLETED, _I.TIMER_M): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.TIMER_CANCEL): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.TRANSPORT_ERROR): (_S.TERMINATED, (_A.REPORT_TRANSPORT,)),
}
"""Client INVITE. Source: RFC 3261 17.1.1 figure 5 as replaced by RFC 6026 7.2."""

CLIENT: Table = {
    (_S.TRYING, _I.PROVISIONAL): (_S.PROCEEDING, (_A.DELIVER,)),
    (_S.TRYING, _I.SUCCESS): (_S.COMPLETED, (_A.STOP_REPEAT, _A.START_K, _A.DELIVER)),
    (_S.TRYING, _I.FAILURE): (_S.COMPLETED, (_A.STOP_REPEAT, _A.START_K, _A.DELIVER)),
    (_S.TRYING, _I.TIMER_E): (_S.TRYING, (_A.RETRANSMIT, _A.AGAIN_CAPPED)),
    (_S.TRYING, _I.TIMER_F): (_S.TERMINATED, (_A.REPORT_TIMEOUT,)),
    (_S.TRYING, _I.TIMER_K): (_S.TRYING, ()),
    (_S.TRYING, _I.TRANSPORT_ERROR): (_S.TERMINATED, (_A.REPORT_TRANSPORT,)),
    (_S.PROCEEDING, _I.PROVISIONAL): (_S.PROCEEDING, (_A.DELIVER,)),
    (_S.PROCEEDING, _I.SUCCESS): (_S.COMPLETED, (_A.STOP_REPEAT, _A.START_K, _A.DELIVER)),
    (_S.PROCEEDING, _I.FAILURE): (_S.COMPLETED, (_A.STOP_REPEAT, _A.START_K, _A.DELIVER)),
    (_S.PROCEEDING, _I.TIMER_E): (_S.PROCEEDING, (_A.RETRANSMIT, _A.AGAIN_T2)),
    (_S.PROCEEDING, _I.TIMER_F): (_S.TERMINATED, (_A.REPORT_TIMEOUT,)),
    (_S.PROCEEDING, _I.TIMER_K): (_S.PROCEEDING, ()),
    (_S.PROCEEDING, _I.TRANSPORT_ERROR): (_S.TERMINATED, (_A.REPORT_TRANSPORT,)),
    (_S.COMPLETED, _I.PROVISIONAL): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.SUCCESS): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.FAILURE): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.TIMER_E): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.TIMER_F): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.TIMER_K): (_S.TERMINATED, ()),
    (_S.COMPLETED, _I.TRANSPORT_ERROR): (_S.COMPLETED, ()),
}
"""Client non-INVITE. Source: RFC 3261 17.1.2 figure 6."""

INVITE_SERVER: Table = {
    (_S.PROCEEDING, _I.REQUEST): (_S.PROCEEDING, (_A.RETRANSMIT,)),
    (_S.PROCEEDING, _I.ACK): (_S.PROCEEDING, ()),
    (_S.PROCEEDING, _I.PROVISIONAL): (_S.PROCEEDING, (_A.STOP_REPEAT, _A.SEND)),
    (_S.PROCEEDING, _I.SUCCESS): (
        _S.ACCEPTED,
        (_A.SEND, _A.START_L, _A.START_2XX),
    ),
    (_S.PROCEEDING, _I.FAILURE): (_S.COMPLETED, (_A.SEND, _A.START_G, _A.START_H)),
    (_S.PROCEEDING, _I.TIMER_G): (_S.PROCEEDING, ()),
    (_S.PROCEEDING, _I.TIMER_H): (_S.PROCEEDING, ()),
    (_S.PROCEEDING, _I.TIMER_I): (_S.PROCEEDING, ()),
    (_S.PROCEEDING, _I.TIMER_L): (_S.PROCEEDING, ()),
    (_S.PROCEEDING, _I.TIMER_100): (_S.PROCEEDING, (_A.SEND_100,)),
    (_S.PROCEEDING, _I.TIMER_2XX): (_S.PROCEEDING, ()),
    # RFC 6026 7.1: a transport error does not end a server transaction.
    (_S.PROCEEDING, _I.TRANSPORT_ERROR): (_S.PROCEEDING, (_A.REPORT_TRANSPORT,)),
    (_S.ACCEPTED, _I.REQUEST): (_S.ACCEPTED, ()),
    (_S.ACCEPTED, _I.ACK): (_S.ACCEPTED, (_A.STOP_REPEAT, _A.DELIVER_ACK)),
    (_S.ACCEPTED, _I.PROVISIONAL): (_S.ACCEPTED, ()),
    (_S.ACCEPTED, _I.SUCCESS): (_S.ACCEPTED, (_A.SEND,)),
    (_S.ACCEPTED, _I.FAILURE): (_S.ACCEPTED, ()),
    (_S.ACCEPTED, _I.TIMER_G): (_S.ACCEPTED, ()),
    (_S.ACCEPTED, _I.TIMER_H): (_S.ACCEPTED, ()),
    (_S.ACCEPTED, _I.TIMER_I): (_S.ACCEPTED, ()),
    (_S.ACCEPTED, _I.TIMER_L): (_S.TERMINATED, (_A.REPORT_NO_ACK,)),
    (_S.ACCEPTED, _I.TIMER_100): (_S.ACCEPTED, ()),
    (_S.ACCEPTED, _I.TIMER_2XX): (_S.ACCEPTED, (_A.RETRANSMIT, _A.AGAIN_CAPPED)),
    (_S.ACCEPTED, _I.TRANSPORT_ERROR): (_S.ACCEPTED, (_A.REPORT_TRANSPORT,)),
    (_S.COMPLETED, _I.REQUEST): (_S.COMPLETED, (_A.RETRANSMIT,)),
    (_S.COMPLETED, _I.ACK): (_S.CONFIRMED, (_A.STOP_REPEAT, _A.START_I)),
    (_S.COMPLETED, _I.PROVISIONAL): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.SUCCESS): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.FAILURE): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.TIMER_G): (_S.COMPLETED, (_A.RETRANSMIT, _A.AGAIN_CAPPED)),
    (_S.COMPLETED, _I.TIMER_H): (_S.TERMINATED, (_A.REPORT_NO_ACK,)),
    (_S.COMPLETED, _I.TIMER_I): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.TIMER_L): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.TIMER_100): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.TIMER_2XX): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.TRANSPORT_ERROR): (_S.COMPLETED, (_A.REPORT_TRANSPORT,)),
    (_S.CONFIRMED, _I.REQUEST): (_S.CONFIRMED, ()),
    (_S.CONFIRMED, _I.ACK): (_S.CONFIRMED, ()),
    (_S.CONFIRMED, _I.PROVISIONAL): (_S.CONFIRMED, ()),
    (_S.CONFIRMED, _I.SUCCESS): (_S.CONFIRMED, ()),
    (_S.CONFIRMED, _I.FAILURE): (_S.CONFIRMED, ()),
    (_S.CONFIRMED, _I.TIMER_G): (_S.CONFIRMED, ()),
    (_S.CONFIRMED, _I.TIMER_H): (_S.CONFIRMED, ()),
    (_S.CONFIRMED, _I.TIMER_I): (_S.TERMINATED, ()),
    (_S.CONFIRMED, _I.TIMER_L): (_S.CONFIRMED, ()),
    (_S.CONFIRMED, _I.TIMER_100): (_S.CONFIRMED, ()),
    (_S.CONFIRMED, _I.TIMER_2XX): (_S.CONFIRMED, ()),
    (_S.CONFIRMED, _I.TRANSPORT_ERROR): (_S.CONFIRMED, ()),
}
"""Server INVITE. Source: RFC 3261 17.2.1 figure 7 as replaced by RFC 6026 7.1."""

SERVER: Table = {
    (_S.TRYING, _I.REQUEST): (_S.TRYING, ()),
    (_S.TRYING, _I.PROVISIONAL): (_S.PROCEEDING, (_A.SEND,)),
    (_S.TRYING, _I.SUCCESS): (_S.COMPLETED, (_A.SEND, _A.START_J)),
    (_S.TRYING, _I.FAILURE): (_S.COMPLETED, (_A.SEND, _A.START_J)),
    (_S.TRYING, _I.TIMER_J): (_S.TRYING, ()),
    (_S.TRYING, _I.TIMER_ABANDONED): (_S.TERMINATED, ()),
    (_S.TRYING, _I.TRANSPORT_ERROR): (_S.TRYING, (_A.REPORT_TRANSPORT,)),
    (_S.PROCEEDING, _I.REQUEST): (_S.PROCEEDING, (_A.RETRANSMIT,)),
    (_S.PROCEEDING, _I.PROVISIONAL): (_S.PROCEEDING, (_A.SEND,)),
    (_S.PROCEEDING, _I.SUCCESS): (_S.COMPLETED, (_A.SEND, _A.START_J)),
    (_S.PROCEEDING, _I.FAILURE): (_S.COMPLETED, (_A.SEND, _A.START_J)),
    (_S.PROCEEDING, _I.TIMER_J): (_S.PROCEEDING, ()),
    (_S.PROCEEDING, _I.TIMER_ABANDONED): (_S.TERMINATED, ()),
    (_S.PROCEEDING, _I.TRANSPORT_ERROR): (_S.PROCEEDING, (_A.REPORT_TRANSPORT,)),
    (_S.COMPLETED, _I.REQUEST): (_S.COMPLETED, (_A.RETRANSMIT,)),
    (_S.COMPLETED, _I.PROVISIONAL): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.SUCCESS): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.FAILURE): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.TIMER_J): (_S.TERMINATED, ()),
    (_S.COMPLETED, _I.TIMER_ABANDONED): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.TRANSPORT_ERROR): (_S.COMPLETED, (_A.REPORT_TRANSPORT,)),
}
"""Server non-INVITE. Source: RFC 3261 17.2.2 figure 8; transport errors as in RFC 6026 7.1."""

TABLES: Mapping[Kind, Table] = {
    Kind.INVITE_CLIENT: INVITE_CLIENT,
    Kind.CLIENT: CLIENT,
    Kind.INVITE_SERVER: INVITE_SERVER,
    Kind.SERVER: SERVER,
}

FIRST_STATE: Mapping[Kind, State] = {
    Kind.INVITE_CLIENT: State.CALLING,
    Kind.CLIENT: State.TRYING,
    Kind.INVITE_SERVER: State.PROCEEDING,
    Kind.SERVER: State.TRYING,
}
"""The state each machine is born in."""


def response_input(status: int) -> Input:
    """Which input a response of this status is.

    Args:
        status: 100 to 699.
    """
    if status < 200:
        return Input.PROVISIONAL
    return Input.SUCCESS if status < 300 else Input.FAILURE
