"""Checks the data in a page, where there is no browser: python3 check_page.py PAGE"""

import json, re, sys

page = open(sys.argv[1]).read()
data = json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.S).group(1))
assert len(data["events"]) > 10
assert "/*" not in re.sub(r"<script id.*?</script>", "", page, flags=re.S).split("<script>")[0], "a part is missing"
assert not re.search(r'(src|href)\s*=\s*"', page), "the page loads something"
alive, begun = set(), {}
for at, clock, runtime, thread, worker, task, source, kind, *args in data["events"]:
    assert 0 <= thread < len(data["threads"]) and 0 <= source < len(data["sources"])
    if kind == "Spawned":
        alive.add(args[0])
    if kind == "PollBegins":
        assert args[0] in alive and thread not in begun, (kind, args)
        begun[thread] = args[0]
    if kind == "TimerFired":
        assert args[1] <= clock, "a timer fires before its deadline"
    if kind == "LockAssigned":
        assert 1 <= args[0] <= 10, "the locks are not numbered from 1"
    if kind == "PollEnds":
        assert begun.pop(thread) == args[0]
        if args[1] != "Pending":
            alive.remove(args[0])
print(len(data["events"]), "events")
