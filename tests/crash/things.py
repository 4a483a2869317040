"""Checks declared things after a restart: the promised ones are there, the others are not."""
from ledger import Problem


def check_existence(ledger, inventory):
    """Queues and exchanges; what was unknown is known afterwards."""
    problems = []
    for thing, expected in list(ledger.things.items()):
        kind, name = thing[:2]
        if kind == "binding":
            continue
        there = inventory.exists(kind, name) is not None
        problems += _compare(thing, expected, there)
        if there and kind == "queue" and not inventory.same_queue(ledger.queues[name]):
            problems.append(Problem("arguments", f"queue {name} has other arguments than it had"))
        ledger.things[thing] = there
    for kind, name in ledger.volatile:
        if inventory.exists(kind, name) is not None:
            problems.append(Problem("leftover", f"{kind} {name} is not durable and still there"))
    ledger.volatile.clear()
    return problems


def check_bindings(ledger, inventory):
    """Sends a message along every binding. Call when the queues are taken and existence known."""
    problems = []
    for thing, expected in list(ledger.things.items()):
        if thing[0] != "binding":
            continue
        _, exchange, queue, key = thing
        ends = (ledger.things.get(("exchange", exchange))
                and ledger.things.get(("queue", queue)))
        there = bool(ends) and inventory.routes(exchange, queue, key)
        # Losing an end is said already.
        problems += _compare(thing, expected if ends else None, there)
        ledger.things[thing] = there
    return problems


def forget_absent(ledger, most=50):
    """Keeps only some of what is deleted: names to use again, and to look for."""
    absent = [thing for thing, there in ledger.things.items() if there is False]
    for thing in absent[:max(0, len(absent) - most)]:
        del ledger.things[thing]
        if thing[0] == "queue":
            ledger.queues.pop(thing[1])
            ledger.copies.pop(thing[1], None)


def _compare(thing, expected, there):
    text = " ".join(thing)
    if expected is True and not there:
        return [Problem("missing", f"{text}: its creation was answered, it is not there")]
    if expected is False and there:
        return [Problem("leftover", f"{text}: its deletion was answered, it is there")]
    return []
