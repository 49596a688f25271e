"""How much of a core does an endpoint need to receive a NOTIFY and answer 200?

Processor time, as ratios of speed against a bare loop of the same run that parses the same bytes
and writes a 200, without transactions, timers or sockets:

- the core: parser, screening, matching, server transaction with its timer, response;
- the whole stack over loopback UDP: socket, core, dispatch, owner's callback, answer, with a
  plain socket as the peer, whose time is included.

And what one endpoint with its registration and subscription holds in memory, its share of the
notifier included, by tracemalloc.

Run: ``python tests/benchmarks/bench_sip_stack.py [--quick]``
"""

from __future__ import annotations

import asyncio
import gc
import socket
import statistics
import time
import tracemalloc
from collections.abc import Callable

from figures import arguments, report, report_median

from rig.sip.event import Flow, RequestReceived
from rig.sip.message import Request, Response
from rig.sip.parser import parse_message
from rig.sip.tokens import SeededTokens
from rig.sip.user_agent import UserAgentCore
from rig.sip_transport.client_registration import RegistrationClient
from rig.sip_transport.client_subscription import SubscriptionClient
from rig.sip_transport.notifier import Notifier
from rig.sip_transport.stack import IncomingRequest, SipStack

HOST = "127.0.0.1"
ROUNDS = 5
MESSAGES = 4000
ENDPOINTS = 200
BURST = 32

BODY = (
    b"Messages-Waiting: yes\r\n"
    b"Message-Account: sip:1001@example.test\r\n"
    b"Voice-Message: 2/8 (1/2)\r\n"
)


def notify(number: int, port: int = 5080) -> bytes:
    """A NOTIFY as a platform sends it; each begins a new transaction."""
    return (
        "NOTIFY sip:1001@127.0.0.1:5071 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{number:020x};rport\r\n"
        "Max-Forwards: 70\r\n"
        "From: <sip:1001@example.test>;tag=0e6ddf69793e\r\n"
        "To: <sip:1001@example.test>;tag=39840d641e4b\r\n"
        "Call-ID: 3e8a0cf42f78404008314c03\r\n"
        f"CSeq: {number + 1} NOTIFY\r\n"
        "Event: message-summary\r\n"
        "Subscription-State: active;expires=300\r\n"
        "Contact: <sip:1001@127.0.0.1:5080>\r\n"
        "Content-Type: application/simple-message-summary\r\n"
        f"Content-Length: {len(BODY)}\r\n\r\n"
    ).encode() + BODY


def bare_loop(messages: list[bytes]) -> None:
    """The reference: parse, take what an answer needs, write the answer."""
    for data in messages:
        message = parse_message(data)
        if isinstance(message, Request):
            Response.to_request(message, 200).to_bytes()


def core_loop(messages: list[bytes]) -> None:
    """The whole core: matching, transaction, timers, response."""
    core = UserAgentCore(SeededTokens("bench"))
    flow = Flow("UDP", (HOST, 5071), (HOST, 5080))
    now = 0.0
    for data in messages:
        core.receive(data, flow, now)
        event = core.next_event()
        if isinstance(event, RequestReceived):
            core.send_response(event.key, core.make_response(event.key, 200), now)
        core.data_to_send()
        core.next_timer()
        now += 0.0001


def rate(work: Callable[[list[bytes]], None], messages: list[bytes]) -> float:
    """Messages per second of processor time."""
    gc.collect()
    began = time.process_time()
    work(messages)
    return len(messages) / (time.process_time() - began)


async def stack_rate(messages: int) -> float:
    """NOTIFYs answered per second over loopback by one stack in this process."""
    stack = SipStack()
    await stack.listen(HOST, tcp=False)
    answered = 0

    def serve(incoming: IncomingRequest) -> None:
        nonlocal answered
        incoming.respond(200)
        answered += 1

    stack.on_request = serve
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.setblocking(False)
        peer.bind((HOST, 0))
        port = peer.getsockname()[1]
        stock = [notify(n, port) for n in range(messages)]
        began = time.process_time()
        for first in range(0, messages, BURST):
            for data in stock[first : first + BURST]:
                peer.sendto(data, stack.address)
            wanted = min(first + BURST, messages)
            while answered < wanted:  # noqa: ASYNC110 - measures the loop's own turn
                await asyncio.sleep(0)
            for _ in range(BURST):
                try:
                    peer.recv(65535)
                except BlockingIOError:
                    break
        spent = time.process_time() - began
    await stack.close()
    return messages / spent


async def endpoint_bytes(endpoints: int) -> float:
    """Traced memory of one endpoint that is registered and subscribed, without TCP listener."""
    server = SipStack()
    await server.listen(HOST, tcp=False)
    notifier = Notifier(server)

    def serve(incoming: IncomingRequest) -> None:
        if incoming.request.method == "REGISTER":
            incoming.respond(200, headers=[("Expires", "600")])
        elif not notifier.handle_subscribe(incoming):
            notifier.accept(incoming, expires_s=600, body_of=lambda: BODY)

    server.on_request = serve

    async def make(number: int) -> tuple[SipStack, RegistrationClient, SubscriptionClient]:
        stack = SipStack()
        await stack.listen(HOST)
        flow = stack.flow_to(server.address)
        aor = f"sip:{number}@example.test"
        contact = f"<sip:{number}@{HOST}:{stack.address[1]}>"
        registration = RegistrationClient(stack, flow, aor=aor, contact=contact)
        subscription = SubscriptionClient(stack, flow, target_uri=aor, aor=aor, contact=contact)
        registration.start()
        await registration.wait_registered(10)
        subscription.start()
        await subscription.wait_active(10)
        return stack, registration, subscription

    warm = await make(0)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    made = [await make(number) for number in range(1, endpoints + 1)]
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for stack, registration, subscription in [warm, *made]:
        await subscription.stop(unsubscribe=False)
        await registration.stop(unregister=False)
        await stack.close()
    await notifier.close()
    await server.close()
    return (after - before) / endpoints


def main() -> None:
    """Print the figures; medians of interleaved rounds."""
    quick = arguments(__doc__).parse_args().quick
    rounds, count, endpoints = (2, 200, 10) if quick else (ROUNDS, MESSAGES, ENDPOINTS)
    messages = [notify(number) for number in range(count)]
    bare, core, stack = [], [], []
    for _ in range(rounds):
        bare.append(rate(bare_loop, messages))
        core.append(rate(core_loop, messages))
        stack.append(asyncio.run(stack_rate(count)))
    report("bare_loop_per_s", statistics.median(bare), "messages/s", note="the reference")
    report("core_per_s", statistics.median(core), "messages/s")
    report("stack_per_s", statistics.median(stack), "messages/s")
    report_median("core_vs_bare", [a / b for a, b in zip(core, bare, strict=True)], "x")
    report_median("stack_vs_bare", [a / b for a, b in zip(stack, bare, strict=True)], "x")
    size = asyncio.run(endpoint_bytes(endpoints))
    report("endpoint_kb", size / 1000, "KB", note="registered and subscribed, both sides")


if __name__ == "__main__":
    main()
