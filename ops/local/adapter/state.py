"""The state that is kept between runs.

- A message that a function held when the emulator ended is visible again as soon as the emulator starts. Otherwise it
  would stay hidden for the rest of its visibility timeout (90 minutes), although the function has ended, too.
- The records of a table's stream that no function has read yet are kept. MiniStack keeps only how far the stream was
  read, so it would skip those records, and after them as many changes as there ever were.
- `POST /_edge/save` saves everything at once. MiniStack saves only when it ends.
"""

RELIED_ON = {
    "ministack.app:save_all": "(services: dict) -> None",
    "ministack.app:_build_persistence_save_dict": "()",
    "ministack.services.dynamodb:get_state": "()",
    "ministack.services.dynamodb:load_persisted_state": "(data)",
    "ministack.services.dynamodb:stream_start_position": "(table_name: str, *, account_id=None, region=None) -> int",
    "ministack.services.dynamodb:_next_stream_seq": "()",
    "ministack.services.sqs:load_persisted_state": "(data)",
}
"""Private names of MiniStack that are used here, with the signatures that they must have."""


def apply() -> None:
    give_back_messages()
    keep_streams()


def give_back_messages() -> None:
    """Makes messages visible again that were in flight when the state was saved: nobody holds them any more."""
    from ministack.services import sqs

    load = sqs.load_persisted_state

    def load_and_give_back(data):
        load(data)
        for _, queue in sqs._queues.all_items():
            for message in queue["messages"]:
                if message.get("receive_count"):
                    message["visible_at"] = 0

    sqs.load_persisted_state = load_and_give_back


def keep_streams() -> None:
    """Saves the end of each table's stream, from the first record on that some function has not read."""
    from ministack.services import dynamodb, lambda_svc

    save, load = dynamodb.get_state, dynamodb.load_persisted_state

    def read_up_to(account, region, table):
        positions = lambda_svc._dynamodb_stream_positions
        for (_, _, mapping), esm in lambda_svc._esms.all_items():
            if f":{region}:{account}:table/{table}/stream/" in esm.get("EventSourceArn", ""):
                yield positions.get_scoped(account, region, mapping, 0)

    def tails():
        for (account, region, table), records in dynamodb._stream_records.all_items():
            begin = dynamodb.stream_start_position(table, account_id=account, region=region)
            at = max(begin, min([begin + len(records), *read_up_to(account, region, table)]))
            yield [account, region, table, at, records[at - begin :]]

    def save_with_streams():
        return {**save(), "streams": list(tails()), "stream_sequence": dynamodb._stream_seq_counter}

    def load_with_streams(data):
        load(data)
        dynamodb._stream_seq_counter = (data or {}).get("stream_sequence", 0)
        for account, region, table, at, records in (data or {}).get("streams", []):
            dynamodb._stream_records.set_scoped(account, region, table, records)
            dynamodb._stream_trimmed.set_scoped(account, region, table, at)

    dynamodb.get_state, dynamodb.load_persisted_state = save_with_streams, load_with_streams


async def save_state(send) -> None:
    from ministack import app

    app.save_all(app._build_persistence_save_dict())
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})
