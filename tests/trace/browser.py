"""Drives a page of a recording in a headless Chromium, by its DevTools protocol, and says what it finds.

usage: browser.py PAGE [--screenshot FILE WIDTH HEIGHT light|dark] [--eval JAVASCRIPT]

Without options: the steps that a reader takes, each with a check. Exit code 0: all is as it should be.
"""

import base64, json, os, shutil, socket, struct, subprocess, sys, tempfile, time, urllib.request

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
        self.call("Page.navigate", url="file://" + os.path.abspath(path))
        until = time.time() + 60
        while self.eval("document.readyState === 'complete' && document.title") in (False, "", None):
            if time.time() > until:
                sys.exit("the page does not load")
            time.sleep(0.05)
        self.eval("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def key(self, key):
        code = {"ArrowRight": 39, "ArrowLeft": 37, "Home": 36, "End": 35, " ": 32, "Enter": 13}.get(key, 0)
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

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


def drive(page, browser):
    browser.open(page)
    count = browser.eval("events.length")
    check("the page has events", count > 10)
    check("a sentence says what happens", browser.eval("element('now').textContent.length") > 20)
    check("each event has a sentence and a function or a line", browser.eval(
        "events.every((it) => !sentence(it).includes('undefined') && data.sources[it.source][1].includes('.rs:'))"))
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
    browser.key("f")
    poll = browser.eval("events.findIndex((it) => it.kind === 'PollBegins' && tasks.get(it.args[0]).kind === 'Task')")
    browser.eval("chosenTask = events[%d].args[0]; show(%d)" % (poll, poll))
    check("the page says why a task runs", "Why did task" in browser.eval("element('why').textContent"))
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
    browser.eval("element('search').value = ''; search('', false); element('search').blur()")
    slow = browser.eval("(() => { const start = performance.now(); show(events.length - 1); show(0); timeline.paint(); return performance.now() - start; })()")
    print("%d events, %d tasks; to the last event and back: %.0f ms" % (count, browser.eval("tasks.size"), slow))
    check("it is fluent", slow < 2000)
    browser.open(page, 390, 800, "dark")
    check("a phone needs no sideways scrolling", browser.eval("document.documentElement.scrollWidth <= innerWidth"))


def main():
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
            print(browser.eval(options[1]))
    finally:
        browser.close()


main()
