"""Checks that a file keeps the rules of Chrome's trace-event format, as Perfetto reads it."""

import collections, json, sys

trace = json.load(open(sys.argv[1]))
open_slices, asyncs, flows = collections.defaultdict(list), {}, {}
last, counts = {}, collections.Counter()
for event in trace["traceEvents"]:
    phase, track = event["ph"], (event["pid"], event["tid"])
    counts[phase] += 1
    if phase == "M":
        assert event["args"]["name"], event
        continue
    assert event["name"] or phase == "E", event
    assert event["ts"] >= 0, event
    if phase in "BEX":
        assert event["ts"] >= last.get(track, 0), "a track goes back in time: %s" % event
        last[track] = event["ts"]
    if phase == "B":
        open_slices[track].append(event)
    elif phase == "E":
        begin = open_slices[track].pop()
        assert begin["name"] == event["name"], (begin, event)
    elif phase == "X":
        assert event["dur"] >= 0
    elif phase == "b":
        key = (event["cat"], event["id"])
        assert key not in asyncs, event
        asyncs[key] = event["name"]
    elif phase == "n":
        assert asyncs[event["cat"], event["id"]] == event["name"], event
    elif phase == "e":
        assert asyncs.pop((event["cat"], event["id"])) == event["name"], event
    elif phase == "s":
        assert event["id"] not in flows, event
        flows[event["id"]] = event["ts"]
    elif phase == "f":
        assert flows.pop(event["id"]) <= event["ts"] and event["bp"] == "e", event
    else:
        assert phase == "i" and event["s"] == "t", event
assert not any(open_slices.values()), "slices without an end: %s" % open_slices
assert not asyncs, "tasks without an end: %s" % asyncs
assert not flows, "arrows without an end: %s" % flows
assert counts["B"] and counts["b"] and counts["s"] and counts["X"], counts
print(dict(counts))
