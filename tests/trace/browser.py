"""Drives a page of a recording in a headless Chromium, by its DevTools protocol, and says what it finds.

usage: browser.py PAGE [--screenshot FILE WIDTH HEIGHT light|dark] [--eval JAVASCRIPT]

Without options: the steps that a reader takes, each with a check, on a page that has a wake by a timer, a steal, a LIFO slot that
is taken, and a lock that goes from task to task. Exit code 0: all is as it should be.
"""

import base64, json, os, re, shutil, socket, struct, subprocess, sys, tempfile, time, urllib.request

BROWSERS = ["chromium", "chromium-browser", "google-chrome", "chrome"]


class Browser:
    def __init__(self):
        path = next(filter(None, map(shutil.which, BROWSERS)), None)
        if path is None:
            sys.exit("no browser")
        self.profile = tempfile.mkdtemp()
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--user-data-dir=" + self.profile, "about:blank"]
        # Its own temporary files go with the profile.
        environment = dict(os.environ, TMPDIR=self.profile)
        self.process = subprocess.Popen([path] + options, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port_file = os.path.join(self.profile, "DevToolsActivePort")
        until = time.time() + 60
        while not (os.path.exists(port_file) and open(port_file).read().strip()):
            if time.time() > until:
                sys.exit("the browser does not start")
            time.sleep(0.05)
        port = open(port_file).read().split()[0]
        pages = json.load(urllib.request.urlopen("http://127.0.0.1:%s/json" % port))
        url = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
        self.socket = socket.create_connection(("127.0.0.1", int(port)))
        self.socket.settimeout(60)
        key = base64.b64encode(os.urandom(16)).decode()
        path = "/" + url.split("/", 3)[3]
        self.socket.sendall(("GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n" % (path, port, key)).encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.socket.recv(4096)
        self.buffer = self.buffer.split(b"\r\n\r\n", 1)[1]
        self.number = 0
        self.is_loaded = False

    def read(self, count):
        while len(self.buffer) < count:
            more = self.socket.recv(65536)
            if not more:
                sys.exit("the browser has closed the connection")
            self.buffer += more
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def frame(self):
        message = b""
        while True:
            first, second = self.read(2)
            length = second & 127
            if length == 126:
                length = struct.unpack(">H", self.read(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self.read(8))[0]
            message += self.read(length)
            if first & 128:
                return json.loads(message)

    def call(self, method, **params):
        self.number += 1
        data = json.dumps({"id": self.number, "method": method, "params": params}).encode()
        mask = os.urandom(4)
        head = bytes([0x81]) + (bytes([128 | len(data)]) if len(data) < 126 else bytes([128 | 126]) + struct.pack(">H", len(data)))
        self.socket.sendall(head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)))
        while True:
            answer = self.frame()
            self.is_loaded |= answer.get("method") == "Page.loadEventFired"
            if answer.get("id") == self.number:
                if "error" in answer:
                    sys.exit("%s: %s" % (method, answer["error"]))
                return answer["result"]

    def eval(self, code):
        result = self.call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            sys.exit("%s: %s" % (code, details.get("exception", {}).get("description", details["text"])))
        return result["result"].get("value")

    def open(self, path, width=1280, height=900, scheme="light"):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 700)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Page.enable")
        self.is_loaded = False
        self.call("Page.navigate", url="file://" + os.path.abspath(path))
        while not self.is_loaded:
            self.is_loaded = self.frame().get("method") == "Page.loadEventFired"
        self.eval("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def key(self, key, shift=False):
        code = {"ArrowRight": 39, "ArrowLeft": 37, "Home": 36, "End": 35, " ": 32, "Enter": 13}.get(key, 0)
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, modifiers=8 if shift else 0)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code, modifiers=8 if shift else 0)

    def click(self, selector):
        x, y = self.eval("(() => { const box = document.querySelector(%s).getBoundingClientRect();"
                         "return [box.x + box.width / 2, box.y + box.height / 2]; })()" % json.dumps(selector))
        self.mouse(x, y)

    def mouse(self, x, y):
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"]:
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="none" if kind == "mouseMoved" else "left", clickCount=1)

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)


def check(what, is_so):
    if not is_so:
        sys.exit("not so: " + what)


# What the page says of a run, each as an expression that is true. `of(kind)` is the events of a kind.
STATEMENTS = {
    "no timer fires before its deadline": "of('TimerFired').every((it) => parseFloat(/deadline, (-?[\\d.]+) ms/.exec(sentence(it))[1]) <= it.at / 1e6 + 0.001)",
    "a timer is set before a worker parks until its deadline, and before it fires": """data.dropped > 0 || events.every((it) => {
        const deadline = it.kind === 'Park' ? it.args[0] : it.kind === 'TimerFired' ? it.args[1] : -1;
        return deadline < 0 || events.some((cause) => cause.kind === 'TimerArmed' && cause.args[1] === deadline && cause.index < it.index);
    })""",
    "only a worker in the driver watches the timers": """of('Park').every((park) => {
        const next = events.find((it) => it.index > park.index && it.thread === park.thread && ['DriverAcquired', 'Unpark'].includes(it.kind));
        return next?.kind === 'DriverAcquired' ? sentence(park).includes('in the driver') : !sentence(park).includes('ms');
    })""",
    "a lock's new holder is shown after it is assigned": """of('LockAssigned').length > 0 && of('LockAssigned').every((it) => {
        const [lock, holder] = it.args, machine = machineAt(it.index);
        const waiting = [...machine.tasks.values()].filter((task) => task.state === 'waiting' && task.wait?.args[1] === 'lock' && task.wait.args[2] === lock);
        return sentence(it).startsWith('Mutex ' + lock) && waiting.every((task) => machine.waits(task).includes(task.id === holder ? 'it holds now' : 'held by task ' + holder + ' '));
    })""",
    "why a stolen task runs names the steal, and both workers": """of('Stolen').length > 0 && of('Stolen').every((it) => it.moved.every((id) =>
        whyOf(id, it.index).includes(`Worker ${it.worker} steals`) && whyOf(id, it.index).includes(`from worker ${it.args[2]}'s local queue`)))""",
    "why a task runs says that another took its LIFO slot": """of('Scheduled').some((it) => it.displaced >= 0) &&
        of('Scheduled').filter((it) => it.displaced >= 0).every((it) => whyOf(it.displaced, it.index).includes(`moves to worker ${it.worker}'s local queue`))""",
    "a queue is that of a worker": "[...of('Scheduled'), ...of('Taken')].every((it) => !['Local', 'LifoSlot'].includes(it.args[1]) || sentence(it).includes(`worker ${it.worker}'s`))",
    "a worker has not started at first": "machineHtml(machineAt(0)).includes('has not started yet')",
    "a worker holds the task that it has taken": "(() => { const it = of('Taken').find((it) => it.worker >= 0 && !it.isOld); return machineHtml(machineAt(it.index)).includes('has taken <button class=\"chip runnable'); })()",
    "a task does not exist before its spawn": "(() => { const task = [...tasks.values()].find((it) => it.spawn?.index > 0); return whyOf(task.id, task.spawn.index - 1).includes('does not exist yet'); })()",
    "sentences begin with a capital": "events.every((it) => /^[A-Z]/.test(sentence(it)))",
}
HELPERS = """of = (kind) => events.filter((it) => it.kind === kind);
whyOf = (id, index) => { chosenTask = id; chain.task = -1; return whyHtml(events[index]).replace(/&#39;/g, "'"); };"""


def drive(page, browser):
    browser.open(page)
    count = browser.eval("events.length")
    check("the page has events", count > 10)
    check("a sentence says what happens", browser.eval("element('now').textContent.length") > 20)
    check("each event has a sentence and a function or a line", browser.eval(
        "events.every((it) => !sentence(it).includes('undefined') && data.sources[it.source][1].includes('.rs:'))"))
    browser.eval(HELPERS)
    for what, is_so in STATEMENTS.items():
        check(what, browser.eval(is_so))
    start = browser.eval("current")
    browser.key("ArrowRight")
    browser.click("#forward")
    check("a key and a button go one event on", browser.eval("current") == start + 2)
    browser.key("ArrowLeft")
    browser.click("#back")
    check("and back", browser.eval("current") == start)
    browser.key("End")
    check("End shows the last event", browser.eval("current") == count - 1)
    browser.key("Home")
    check("Home shows the first", browser.eval("current") == 0)
    browser.eval("element('speed').value = 8")
    browser.click("#play")
    time.sleep(0.5)
    check("it plays", browser.eval("current") > 0)
    if browser.eval("playing !== 0"):
        browser.click("#play")
    check("it pauses", browser.eval("playing === 0"))
    width = browser.eval("timeline.to - timeline.from")
    browser.click("#zoom-in")
    check("zoom", browser.eval("timeline.to - timeline.from") < width)
    share = "(timeline.x(events[current]) - timeline.from) / (timeline.to - timeline.from)"
    before = browser.eval("show(events.length >> 1); timeline.fit(); %s" % share)
    browser.key("+")
    check("the key keeps the chosen moment where it is", abs(browser.eval(share) - before) < 0.01)
    browser.key("f")
    poll = browser.eval("""(() => {
        const wait = of('Waits').findLast((it) => tasks.get(it.task)?.kind === 'Task');
        return events.findIndex((it) => it.index > wait.index && it.kind === 'PollBegins' && it.args[0] === wait.task);
    })()""")
    browser.eval("chosenTask = events[%d].args[0]; show(%d)" % (poll, poll))
    check("the page says why a task runs", "Why did task" in browser.eval("element('why').textContent"))
    why = browser.eval("element('why').querySelectorAll('li').length")
    browser.click("#why li")
    check("a click on a line of the answer goes there, and keeps the answer", browser.eval(
        "current === chain.steps[0] && element('why').querySelectorAll('li').length") == why and browser.eval("element('why').querySelectorAll('li.at').length") == 1)
    machine = browser.eval("element('machine').textContent")
    for word in ["worker 0", "LIFO slot", "local queue", "injector", "timer heap", "descriptors", "blocking pool", "running tasks", "waiting tasks"]:
        check("the machine shows the " + word, word in machine)
    browser.eval("timeline.fit()")
    box = browser.eval("(() => { const box = timeline.canvas.getBoundingClientRect(); return [box.x, box.y, box.width]; })()")
    browser.mouse(box[0] + box[2] * 0.7, box[1] + 40)
    check("a click chooses an instant", browser.eval("current") > 0)
    some = browser.eval("[...tasks.keys()].pop()")
    browser.key("/")
    browser.call("Input.insertText", text=str(some))
    browser.key("Enter")
    check("search finds a task", browser.eval("chosenTask") == some)
    name = browser.eval("[...tasks.values()].findLast((it) => it.kind === 'Task').name.toLowerCase()")
    named = browser.eval("[...tasks.values()].filter((it) => (it.name + it.fullName + it.location).toLowerCase().includes('%s')).length" % name)
    for text, found in [("task %d" % some, 1), (browser.eval("taskName(%d)" % some), 1), (name, named)]:
        browser.eval("element('search').value = ''")
        browser.call("Input.insertText", text=text)
        browser.key("Enter")
        check("search says which hit it is, of " + text, browser.eval("element('found').textContent") == "1 of %d" % found)
    browser.key("Enter")
    check("enter goes to the next hit", browser.eval("element('found').textContent") == "2 of %d" % found)
    browser.key("Enter", shift=True)
    check("shift enter goes to the hit before", browser.eval("element('found').textContent") == "1 of %d" % found)
    check("the picture is as high as the rows that were found", browser.eval("timeline.maxScroll() === 0 && timeline.canvas.clientHeight") < 320)
    browser.eval("element('search').value = ''; search('', false); element('search').blur()")
    browser.key("ArrowDown")
    browser.eval("chooseRow(timeline.rows.findIndex((it) => it.task) - timeline.chosenRow)")
    check("a row is chosen with a poll of its task", browser.eval("chosenTask === events[current].args[0] && events[current].kind === 'PollBegins'"))
    browser.mouse(box[0] + box[2] * 0.7, box[1] + 33)
    browser.eval("element('tip').hidden = false")
    browser.key("ArrowRight")
    check("a key hides the tooltip", browser.eval("element('tip').hidden"))
    slow = browser.eval("(() => { const start = performance.now(); show(events.length - 1); show(0); timeline.paint(); return performance.now() - start; })()")
    print("%d events, %d tasks; to the last event and back: %.0f ms" % (count, browser.eval("tasks.size"), slow))
    check("it is fluent", slow < 2000)
    browser.open(page, 390, 800, "dark")
    check("a phone needs no sideways scrolling", browser.eval("document.documentElement.scrollWidth <= innerWidth"))


def main():
    if len(sys.argv) < 2 or {"-h", "--help"} & set(sys.argv):
        return print(__doc__)
    page, options = sys.argv[1], sys.argv[2:]
    browser = Browser()
    try:
        if not options:
            drive(page, browser)
        elif options[0] == "--screenshot":
            file, width, height, scheme = options[1:5]
            browser.open(page, int(width), int(height), scheme)
            if len(options) > 6:
                browser.eval(options[6])
                browser.eval("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            image = browser.call("Page.captureScreenshot", format="png")["data"]
            open(file, "wb").write(base64.b64decode(image))
        else:
            browser.open(page)
            print(browser.eval(options[1]))
    finally:
        browser.close()


main()
