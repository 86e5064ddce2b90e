"""Delivers what is due to one webhook's receiver. One worker does so at a time, for a short while.

While tries succeed, more and more are under way at once. A receiver that fails gets one at a time, and after several
failures none for a while (a circuit breaker): then one try, whose success begins everything anew. All else waits in the
table. A receiver whose try was slow gets no other for a while, whatever it answered. So such a receiver holds a worker
for the time of one wave of tries, now and then. A tenant has few workers at once for all of its webhooks in trouble
(`webhook_slots`), so that many of them do not take the workers of other tenants.
"""

from __future__ import annotations

import random
import time
import uuid
from collections import Counter
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.catalog import files, webhook_deliveries, webhook_slots, webhook_states, webhooks
from chalicelib.catalog.webhook_deliveries import Attempt, Delivery, DeliveryState
from chalicelib.catalog.webhook_slots import Slot
from chalicelib.catalog.webhook_states import INDEX_COMES, NET, State
from chalicelib.catalog.webhooks import Webhook
from chalicelib.events import envelope, signing, webhook_secrets
from chalicelib.events.envelope import Envelope
from chalicelib.model import ChangeType, File, LastChange, Status, now, timestamp
from chalicelib.observability import Metric, count, logger, observe
from chalicelib.outbound import addresses
from chalicelib.outbound.addresses import Networks
from chalicelib.outbound.exchange import Post
from chalicelib.outbound.post import SECONDS, Outcome, post
from chalicelib.queues import webhooks as queue
from chalicelib.settings import settings

# A run begins tries for this long, in seconds. A backlog goes on in another run, after those of other webhooks.
RUN_SECONDS = 20.0
# The lease outlives a run: its last tries, and the writes after them.
LEASE_SECONDS = RUN_SECONDS + SECONDS + 40

# Tries at once to a receiver whose tries succeed.
MOST_AT_ONCE = 8

# A delivery is tried again after these pauses, in seconds. Each is up to JITTER longer.
RETRIES = (5, 60, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 24 * 3600)
JITTER = 0.2

# After this many failures in a row, nothing is sent for FIRST_PAUSE seconds, then for twice as long after each further
# one. After a try that took SLOW seconds, nothing is sent for FIRST_PAUSE at least, whatever came: it held a worker.
OPEN_AFTER = 3
FIRST_PAUSE = 10
LAST_PAUSE = 15 * 60
SLOW = 5.0
# A worker that gets no slot for a webhook in trouble asks again after so many seconds, at most SLOT_JITTER longer.
SLOT_PAUSE = 5.0
SLOT_JITTER = 10.0
# The longest pause that a receiver may ask for, in seconds.
LONGEST_ASKED = 3600
ASKS_FOR_A_PAUSE = frozenset({429, 503})

GONE = 410
# A receiver that has only failed for this long is given up.
GIVEN_UP_AFTER = timedelta(days=5)
SAYS_GONE = "The receiver answered 410 Gone: it wants no more events."
ONLY_FAILS = "Every try of the last five days failed."

# A worker that was woken while it worked looks once more after this long, because the index follows the table.
LOOK_AGAIN = timedelta(seconds=2)


def deliver(
    tenant: str, webhook_id: str, event_ids: Collection[str], *, seconds: float, probe: bool = False
) -> Counter[str]:
    """Delivers the named events and all others that are due, within `seconds`. Gives the tries by outcome.

    Does nothing if another worker is at it, which then looks again, or if nothing may be sent now. Raises AWS's errors.
    """
    state = webhook_states.acquire(tenant, webhook_id, uuid.uuid4().hex, LEASE_SECONDS, probe=probe)
    if state is None:
        logger.info("another worker delivers, or nothing may be sent now")
        return Counter()
    webhook = webhooks.get(tenant, webhook_id)
    if webhook is None:
        logger.info("the webhook is gone")
        queue.forget(webhook_id)
        webhook_states.release(state, None, None, whatever=True)
        return Counter()
    run = _Run(webhook, state, time.monotonic() + min(seconds, RUN_SECONDS), state.probe)
    try:
        run.work(event_ids)
    except BaseException:
        # The message comes back, and must not find our lease.
        webhook_states.release(state, now() + NET, state.waking_at, whatever=True)
        raise
    finally:
        run.give_back()
        run.tell()
    return run.done


def pause(failures: int) -> float:
    """Seconds in which nothing is sent after so many failures in a row."""
    return float(min(LAST_PAUSE, FIRST_PAUSE * 2 ** min(20, max(0, failures - OPEN_AFTER))))


def next_try(tries: int, moment: datetime, asked: int | None = None) -> datetime | None:
    """When a delivery is tried again after `tries` failures; None if that was the last one.

    `asked` are the seconds that the receiver asked for.
    """
    if tries > len(RETRIES):
        return None
    seconds = RETRIES[tries - 1] * random.uniform(1, 1 + JITTER)  # noqa: S311
    return moment + timedelta(seconds=max(seconds, min(asked or 0, LONGEST_ASKED)))


def body_of(delivery: Delivery, file: File | None) -> Envelope:
    """The envelope of a delivery's event, with the record as it is now. `file` is None if there is none any more."""
    if delivery.data is not None:
        kind, at = delivery.type, timestamp(delivery.time)
        return envelope.about(delivery.tenant, delivery.subject, kind, delivery.event_id, at, delivery.data)
    actor = delivery.actor or envelope.UNKNOWN
    change = LastChange(type=ChangeType(delivery.type.removeprefix(envelope.PREFIX)), at=delivery.time, actor=actor)
    revision = delivery.revision or 0
    if file is None:
        event = envelope.deleted(delivery.tenant, delivery.subject, revision, delivery.time, actor)
        if change.type is not ChangeType.DELETED:
            event |= {"type": delivery.type, "data": {**event["data"], "omitted": ["file"]}}
        return event
    return envelope.envelope_of(file, change, revision)


@dataclass
class _Tried:
    """A delivery after a try."""

    delivery: Delivery
    outcome: Outcome
    attempt: Attempt

    @property
    def has_answer_about_file(self) -> bool:
        """True if an answer is written with this try: its own, or one from before, which is written again with it."""
        attempts = (*self.delivery.attempts, self.attempt)
        return self.delivery.data is None and any(each.answer for each in attempts)


@dataclass
class _Run:
    """One worker's time with one webhook. `deadline` is in seconds of the monotonic clock."""

    webhook: Webhook
    state: State
    deadline: float
    probe: bool = False
    done: Counter[str] = field(default_factory=Counter)
    _lags: list[float] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _at_once: int = 1
    _slot: Slot | None = None
    _fresh: bool = True  # the webhook was read just now
    _networks: Networks = ()
    _secrets: list[bytes] = field(default_factory=list)

    def work(self, event_ids: Collection[str]) -> None:
        """Works until nothing is due, or the time is over, and lets go of the webhook."""
        self._networks = addresses.networks(settings().webhook_networks)
        self._secrets = webhook_secrets.signing_secrets(self.webhook)
        self._forgive()
        woken = False
        while True:
            due = self._work_off(event_ids) if self.webhook.enabled else self._miss()
            if woken or (self.state.woken_at and now() - self.state.woken_at < INDEX_COMES):
                net = now() + (LOOK_AGAIN if woken else NET)
                due = min(due or net, net) if not self._open else due
            over = time.monotonic() > self.deadline
            if self._let_go(due, whatever=over):
                return
            if not self.state.lease_id:
                logger.warning("another worker took over")
                return
            event_ids, woken = (), True
            self._seen.clear()

    def _forgive(self) -> None:
        """Forgets failures from before the webhook was disabled: it was enabled since."""
        since, health = self.state.health.failing_since, webhook_states.Health()
        if since and self.webhook.missed_since and since <= self.webhook.missed_since:
            self.state.health = health

    @property
    def _open(self) -> bool:
        """True if nothing may be sent now."""
        until = self.state.health.open_until
        return until is not None and until > now() and not self.probe

    def _let_go(self, due: datetime | None, *, whatever: bool) -> bool:
        """Releases the lease, and has a message come when something is due, unless one is on its way already."""
        moment, waking = now(), self.state.waking_at
        soon = due is not None and due - moment <= timedelta(seconds=queue.MAX_DELAY)
        on_its_way = waking is not None and moment < waking and due is not None and waking <= due
        if self._open and waking != due:
            on_its_way = False  # one that comes earlier would find that nothing may be sent
        if waking is not None and waking <= moment:
            waking = None
        if soon and not on_its_way:
            waking = due
        # The sweep comes if the message does not.
        net = max(due, moment + NET) if due and soon else due
        if not webhook_states.release(self.state, net, waking, whatever=whatever):
            return False
        if due and soon and not on_its_way:
            # One second more than the whole ones, so that it does not come too early.
            delay = (due - moment).total_seconds()
            queue.send(self.webhook.tenant, self.webhook.id, delay=-(-delay // 1) if delay > 0 else 0)
        return True

    def _work_off(self, event_ids: Collection[str]) -> datetime | None:
        """Tries what is due, until nothing is, or nothing may be sent. Gives when something is due again."""
        todo = self._pending(webhook_deliveries.named(self.webhook.id, event_ids))
        later: list[datetime] = []
        while not self._open:
            if not todo:
                todo, upcoming = self._due()
                if not todo:
                    later += upcoming
                    break
            if time.monotonic() > self.deadline:
                later.append(now())
                break
            if not self._read_again():
                return None
            if not self.webhook.enabled:
                return self._miss()
            if not self._may_try():
                later.append(self._wait_for_slot())
                break
            wave, todo = todo[: self._at_once], todo[self._at_once :]
            later += self._wave(wave)
            if not self.webhook.enabled:
                return self._miss()
        self.probe = False
        if self._open:
            return self.state.health.open_until
        return min(later, default=None)

    def _pending(self, deliveries: Iterable[Delivery]) -> list[Delivery]:
        """Those that are due, the oldest event first."""
        moment = now()
        chosen = [
            each
            for each in deliveries
            if each.state is DeliveryState.PENDING
            and each.event_id not in self._seen
            and (each.due is None or each.due <= moment)
        ]
        return sorted(chosen, key=lambda each: (each.time, each.event_id))

    def _due(self) -> tuple[list[Delivery], list[datetime]]:
        """The deliveries that are due now, and the moments at which others are."""
        found = webhook_deliveries.due(self.webhook.id)
        moment = now()
        ids = [event_id for when, event_id in found if when <= moment and event_id not in self._seen]
        upcoming = [when for when, event_id in found if when > moment]
        todo = self._pending(webhook_deliveries.named(self.webhook.id, ids))
        if not todo and not upcoming and len(found) >= webhook_deliveries.PAGE:
            upcoming = [moment + LOOK_AGAIN]  # the index shows only what is done already
        return todo, upcoming

    def _read_again(self) -> bool:
        """Reads the webhook as it is now, before each wave but the first. False if it is gone."""
        if self._fresh:
            self._fresh = False
            return True
        found = webhooks.get(self.webhook.tenant, self.webhook.id)
        if found is None:
            queue.forget(self.webhook.id)
            return False
        self.webhook = found
        self._secrets = webhook_secrets.signing_secrets(found)
        return True

    # --- slots of webhooks in trouble

    def _may_try(self) -> bool:
        """True if the webhook is well, or has one of its tenant's slots. One that is well gives its slot back."""
        if self.state.health.well:
            self.give_back()
            return True
        if self._slot is None:
            self._slot = webhook_slots.take(self.webhook.tenant, self.state.lease_id, LEASE_SECONDS)
        return self._slot is not None

    def _wait_for_slot(self) -> datetime:
        """Gives when to ask for a slot again. A probe comes again as one."""
        if self.probe:
            delay = webhook_states.PROBE_EVERY.total_seconds() + random.uniform(1, SLOT_JITTER)  # noqa: S311
            queue.send(self.webhook.tenant, self.webhook.id, delay=delay, probe=True)
        moment, waking = now(), self.state.waking_at
        if waking and moment < waking <= moment + timedelta(seconds=SLOT_PAUSE + SLOT_JITTER):
            return waking  # a message comes then in any case, and one is enough
        return moment + timedelta(seconds=random.uniform(SLOT_PAUSE, SLOT_PAUSE + SLOT_JITTER))  # noqa: S311

    def give_back(self) -> None:
        """Gives back the slot, if there is one."""
        if self._slot:
            webhook_slots.give_back(self._slot)
            self._slot = None

    # --- one wave of tries

    def _wave(self, wave: list[Delivery]) -> list[datetime]:
        """Tries some deliveries at the same time. Gives the moments at which they are tried again."""
        self._seen.update(each.event_id for each in wave)
        wanted = {each.subject for each in wave if each.data is None}
        records = files.records(wanted, consistent=True) if wanted else {}
        if len(wave) == 1:
            tried = [self._try(wave[0], records.get(wave[0].subject))]
        else:
            with ThreadPoolExecutor(len(wave)) as pool:
                tried = list(pool.map(lambda each: self._try(each, records.get(each.subject)), wave))
        self._judge_all([each.outcome for each in tried])
        webhook_deliveries.note_answers(each.delivery for each in tried if each.has_answer_about_file)
        later = [when for each in tried if (when := self._note(each))]
        self._drop_answers(tried)
        self._at_once = min(MOST_AT_ONCE, 2 * self._at_once) if self.state.health.well else 1
        return later

    def _try(self, delivery: Delivery, file: File | None) -> _Tried:
        moment = now()
        try:
            body = envelope.as_json(body_of(delivery, file)).encode()
        except Exception:  # one record that is wrong must not hold up the others
            logger.exception("an event that cannot be sent", extra={"event": delivery.event_id})
            count({Metric.FILES_IN_TROUBLE: 1})
            outcome = Outcome(None, 0, "Filemill could not write the event.")
        else:
            signed = signing.headers(delivery.event_id, int(time.time()), body, self._secrets)
            content = Post(body, (("Content-Type", "application/json"), *signed))
            outcome = post(self.webhook.url, content, allowed=self._networks)
        answer = outcome.answer if file is None or file.status is not Status.DELETED else None
        attempt = Attempt(at=moment, ms=outcome.ms, status=outcome.status, error=outcome.error, answer=answer)
        return _Tried(delivery, outcome, attempt)

    def _judge_all(self, outcomes: list[Outcome]) -> None:
        """Takes a wave into account: each try, and then if one of them was slow."""
        for outcome in outcomes:
            self._judge(outcome)
        health = self.state.health
        slow = any(outcome.ms >= SLOW * 1000 for outcome in outcomes)
        health.well = not slow and all(outcome.succeeded for outcome in outcomes)
        if slow:
            self.probe = False
            earliest = now() + timedelta(seconds=FIRST_PAUSE)
            health.open_until = max(health.open_until or earliest, earliest)

    def _judge(self, outcome: Outcome) -> None:
        """Takes a try into account for the receiver's health."""
        health, moment = self.state.health, now()
        if outcome.succeeded:
            health.failures, health.failing_since, health.open_until = 0, None, None
            return
        self.probe = False
        health.failures += 1
        health.failing_since = health.failing_since or moment
        asked = min(outcome.retry_after or 0, LONGEST_ASKED) if outcome.status in ASKS_FOR_A_PAUSE else 0
        if health.failures >= OPEN_AFTER or asked:
            closed_for = pause(health.failures) if health.failures >= OPEN_AFTER else 0
            health.open_until = moment + timedelta(seconds=max(closed_for, asked))
        if outcome.status == GONE:
            self._disable(SAYS_GONE)
        elif moment - health.failing_since >= GIVEN_UP_AFTER:
            self._disable(ONLY_FAILS)

    def _note(self, tried: _Tried) -> datetime | None:
        """Writes a try into the log. Gives when the delivery is tried again."""
        delivery, outcome = tried.delivery, tried.outcome
        when = None
        if outcome.succeeded:
            state = DeliveryState.DELIVERED
            self.done["delivered"] += 1
            if delivery.tries == 0 and not delivery.attempts:
                self._lags.append((tried.attempt.at - delivery.time).total_seconds() * 1000 + outcome.ms)
        else:
            asked = outcome.retry_after if outcome.status in ASKS_FOR_A_PAUSE else None
            if outcome.status != GONE:
                when = next_try(delivery.tries + 1, tried.attempt.at, asked)
            state = DeliveryState.PENDING if when else DeliveryState.FAILED
            self.done["failed" if when else "given_up"] += 1
        if not webhook_deliveries.finish(delivery, tried.attempt, state, when):
            logger.info("somebody else wrote to a delivery", extra={"event": delivery.event_id})
        return when

    def _drop_answers(self, tried: list[_Tried]) -> None:
        """Removes the answers that were stored about files that ended meanwhile.

        `announce` removes those of every file that ends. An answer that is stored after that is removed here.
        """
        answered = [each.delivery for each in tried if each.has_answer_about_file]
        if not answered:
            return
        records = files.records((each.subject for each in answered), consistent=True)
        for delivery in answered:
            file = records.get(delivery.subject)
            if file is None or file.status is Status.DELETED:
                for written in webhook_deliveries.named(self.webhook.id, [delivery.event_id]):
                    webhook_deliveries.drop_answers(written)

    # --- disabled webhooks

    def _disable(self, reason: str) -> None:
        """Disables the webhook, and says why in its own log. The table's stream tells everybody else."""
        if not self.webhook.enabled:
            return
        self.webhook = self.webhook.model_copy(update={"enabled": False})
        since = self.state.health.failing_since
        disabled = webhooks.disable(self.webhook.tenant, self.webhook.id, reason, missed_since=since)
        if disabled is None or disabled.disabled_at is None:
            return
        moment = disabled.disabled_at
        logger.warning("a webhook was disabled", extra={"reason": reason})
        said = {"webhook": {"id": self.webhook.id, "reason": reason, "disabled_at": timestamp(moment)}}
        line = Delivery(
            webhook_id=self.webhook.id,
            tenant=self.webhook.tenant,
            event_id=f"evt_{self.webhook.id}_{int(moment.timestamp() * 1000)}",
            type=webhooks.DISABLED,
            time=moment,
            subject=self.webhook.id,
            data=said,
            state=DeliveryState.MISSED,
            attempts=[Attempt(at=moment, ms=0, error=reason)],
        )
        webhook_deliveries.put_new(line)

    def _miss(self) -> datetime | None:
        """Takes what is pending out of the queue, because the webhook is disabled. Gives now if there is more."""
        self.state.health = webhook_states.Health()
        while found := webhook_deliveries.due(self.webhook.id):
            fresh = [event_id for _, event_id in found if event_id not in self._seen]
            if not fresh and len(found) < webhook_deliveries.PAGE:
                return None
            if not fresh or time.monotonic() > self.deadline:
                return now() + LOOK_AGAIN
            for event_id in fresh:
                webhook_deliveries.miss(self.webhook.id, event_id)
                self._seen.add(event_id)
        return None

    def tell(self) -> None:
        """Writes the run's metrics, and a line of the log."""
        if not self.done:
            return
        failed = self.done["failed"] + self.done["given_up"]
        count({Metric.WEBHOOK_DELIVERED: self.done["delivered"], Metric.WEBHOOK_FAILED: failed})
        observe(Metric.WEBHOOK_LAG, self._lags)
        logger.info("delivered", extra={**self.done, "open": self._open})
