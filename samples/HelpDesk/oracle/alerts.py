#!/usr/bin/env python3
"""What a support lead should have been told while the incident log happened, as JSON lines, in the order of time.

    alerts.py [FILE] [--urgent 4] [--minutes 30] [--rush 20] [--window 60]

Two rules, computed here from the CSV alone (plain or gzip), with nothing but the standard library:

urgent-ticket-unanswered
    A ticket waits urgently while its priority is at least --urgent (4 is "1 - Critical", 1 is "4 - Low"), it is neither
    resolved nor closed, and no agent has ever answered it. When that has lasted --minutes without a break, there is one
    alert, due at its beginning + --minutes. An answer at that very minute is still in time. It begins anew when the
    ticket comes into that condition again (urgent again, reopened); an alert that was given is not repeated before that.
    Due times after the last row of the log are not reached.

    An agent has answered in a row whose state is Active, Awaiting ... or Resolved and is not the state of the row before
    (or is the incident's first row), except where that change is the customer's doing: from Awaiting User Info to Active,
    or from Resolved or Closed to Active.

category-rush
    A ticket is opened in its category when its first row was made, at t. There is an alert when the number of openings in
    (t - --window minutes, t] is not above --rush without it, and is with it. Openings of one minute are counted one by one.

Rows are taken in the order of sys_updated_at and, within a minute, of the file. Times are taken as UTC.
"""

import argparse
import collections
import csv
import datetime
import gzip
import io
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))


def rows_of(path):
    opened = gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb")
    with opened as raw:
        rows = list(csv.DictReader(io.TextIOWrapper(raw, encoding="utf-8", newline="")))
    for row in rows:
        row["at"] = datetime.datetime.strptime(row["sys_updated_at"], "%d-%m-%Y %H:%M")
    return sorted(rows, key=lambda row: row["at"])  # stable: a minute keeps the order of the file


def by_agent(before, state):
    if state == before or state in ("New", "Closed"):
        return False
    if state == "Active":
        return before not in ("Awaiting User Info", "Resolved", "Closed")
    return True


def unanswered(rows, urgent, minutes):
    limit = datetime.timedelta(minutes=minutes)
    end = rows[-1]["at"]
    incidents = collections.OrderedDict()
    for row in rows:
        incidents.setdefault(row["number"], []).append(row)
    for number, history in incidents.items():
        since, answered, before = None, False, None
        for row in history:
            state = row["incident_state"]
            if since is not None and since + limit < row["at"]:
                yield alert(number, since, limit)
                since = datetime.datetime.max - limit  # told; silent until the condition ends
            answered = answered or by_agent(before, state)
            before = state
            waits = 5 - int(row["priority"][0]) >= urgent and state not in ("Resolved", "Closed") and not answered
            if not waits:
                since = None
            elif since is None:
                since = row["at"]
        if since is not None and since + limit <= end:
            yield alert(number, since, limit)


def alert(number, since, limit):
    return {"rule": "urgent-ticket-unanswered", "at": text(since + limit), "reference": number, "since": text(since)}


def rushes(rows, threshold, window):
    length = datetime.timedelta(minutes=window)
    seen, openings = set(), collections.defaultdict(list)
    for row in rows:
        if row["number"] in seen:
            continue
        seen.add(row["number"])
        at, category = row["at"], row["category"] if row["category"] != "?" else "No category"
        without = sum(1 for t in openings[category] if t > at - length)
        openings[category].append(at)
        if without <= threshold < without + 1:
            yield {"rule": "category-rush", "at": text(at), "category": category, "count": without + 1}


def text(time):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", default=os.path.join(HERE, "..", "incidents", "incident_event_log.csv.gz"))
    parser.add_argument("--urgent", type=int, default=4, help="the lowest priority that is urgent, 1 to 4")
    parser.add_argument("--minutes", type=float, default=30, help="how long an urgent ticket may wait")
    parser.add_argument("--rush", type=int, default=20, help="openings that are not yet a rush")
    parser.add_argument("--window", type=float, default=60, help="minutes in which openings are counted")
    options = parser.parse_args()
    rows = rows_of(options.file)
    alerts = list(unanswered(rows, options.urgent, options.minutes)) + list(rushes(rows, options.rush, options.window))
    for line in sorted(alerts, key=lambda a: (a["at"], a["rule"], a.get("reference", a.get("category")))):
        print(json.dumps(line))


if __name__ == "__main__":
    main()
