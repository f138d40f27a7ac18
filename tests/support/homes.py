"""Homes on loopback, driven as a person would: real programs, real prompts through a pseudo-terminal.

Used by the tour and by the end-to-end tests. Nothing here can accept for a person but by typing.
"""
import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import subprocess
import time


def free_port():
    """A port of the loopback that is free now; tests may run beside each other."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Terminal:
    """One command at a pseudo-terminal."""

    def __init__(self, command, env, echo=None, size=(24, 80)):
        self.echo = echo
        self.text = ""
        self.seen = 0
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
                signal.signal(number, signal.SIG_DFL)  # a test in the background has them ignored
            os.execvpe(command[0], command, env)
        import fcntl
        import struct
        import termios
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", size[0], size[1], 0, 0))

    def read(self, timeout):
        ready, _, _ = select.select([self.fd], [], [], timeout)
        if not ready:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        if not data:
            return None
        text = data.decode("utf-8", "replace").replace("\r\n", "\n")
        self.text += text
        if self.echo:
            self.echo(text)
        return True

    def expect(self, wanted, timeout=60):
        """Waits until `wanted` (a regular expression) is printed after what was matched last."""
        until = time.monotonic() + timeout
        while True:
            found = re.search(wanted, self.text[self.seen:])
            if found:
                self.seen += found.end()
                return found
            left = until - time.monotonic()
            if left <= 0 or self.read(left) is None:
                raise AssertionError(f"expected {wanted!r}, got:\n{self.text}")

    def type(self, text, pause=0.0):
        """Key by key. The programs drop what is typed before a question, so wait until it is asked."""
        time.sleep(0.1)
        for key in text:
            os.write(self.fd, key.encode())
            if pause:
                time.sleep(pause)

    def line(self, text, pause=0.0):
        self.type(text + "\n", pause)

    def close(self):
        os.close(self.fd)

    def wait(self, timeout=120):
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            if self.read(0.2) is None:
                break
        pid, status = 0, 0
        while pid == 0 and time.monotonic() < until:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid == 0:
                time.sleep(0.02)
        if pid == 0:
            os.kill(self.pid, signal.SIGKILL)
            raise AssertionError(f"it does not end:\n{self.text}")
        return os.waitstatus_to_exitcode(status)


class Home:
    PASSPHRASE = "correct horse battery"
    prefix = []  # what runs all of its programs: setpriv(1)

    def __init__(self, bin_dir, root, name, port=None, echo=None):
        self.bin = pathlib.Path(bin_dir)
        self.root = pathlib.Path(root) / name
        self.name = name
        self.port = port or free_port()
        self.echo = echo
        self.daemon = None
        self.env = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "TZ")}
        self.env.update(HOME=str(self.root), STOOP_HOME=str(self.root / "data"),
                        XDG_CONFIG_HOME=str(self.root / "config"), TERM="dumb",
                        XDG_RUNTIME_DIR=str(self.root / "run"))
        (self.root / "run").mkdir(parents=True, exist_ok=True)

    @property
    def data(self):
        return self.root / "data"

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def at_terminal(self, *words, columns=80):
        return Terminal([*self.prefix, str(self.bin / "stoop"), *words], self.env, self.echo, (24, columns))

    def run(self, *words, check=True):
        """Without a terminal, as a script would."""
        done = subprocess.run([*self.prefix, str(self.bin / "stoop"), *words], env=self.env, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        if check and done.returncode != 0:
            raise AssertionError(f"stoop {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def facts(self, *words):
        return json.loads(self.run(*words, "--json").stdout)

    def with_passphrase(self, *words, times=1, expect_exit=0):
        """A command whose only question is the passphrase."""
        terminal = self.at_terminal(*words)
        for _ in range(times):
            terminal.expect("passphrase of .*: ")
            terminal.line(self.PASSPHRASE)
        code = terminal.wait()
        if code != expect_exit:
            raise AssertionError(f"stoop {' '.join(words)}: {code}\n{terminal.text}")
        return terminal.text

    def init(self, *words):
        terminal = self.at_terminal("init", "--owner", self.name, "--listen", self.address,
                                    "--address", self.address, *words)
        terminal.expect("passphrase: ")
        terminal.line(self.PASSPHRASE)
        terminal.expect("again: ")
        terminal.line(self.PASSPHRASE)
        assert terminal.wait() == 0, terminal.text
        return terminal.text

    def set_config(self, key, value):
        path = self.data / "config"
        text = path.read_text()
        path.write_text(re.sub(rf"(?m)^#?{key} = .*$", f"{key} = {value}", text))

    def start(self, log=None):
        self.daemon_started = time.time()
        out = open(log or self.root / "journal", "ab")
        words = [*self.prefix, str(self.bin / "stoopd"), "--home", str(self.data)]
        self.daemon = subprocess.Popen(words, env=self.env, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                       start_new_session=True)
        out.close()
        self.wait_ready()

    def children(self):
        """Of the supervisor: name -> pid."""
        found = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                pid, rest = stat.read_text().split(" (", 1)
            except OSError:
                continue
            name, rest = rest.rsplit(") ", 1)
            state, parent = rest.split()[:2]
            if int(parent) == self.daemon.pid and state != "Z":
                found[name] = int(pid)
        return found

    def kill(self, who):
        """SIGKILL to 'all' of a home, to 'stoopd' alone, or to one of its children; False when it is not there."""
        if who == "all":
            os.killpg(self.daemon.pid, signal.SIGKILL)
        elif who == "stoopd":
            self.daemon.kill()
        else:
            pid = self.children().get(who)
            if pid is None:
                return False
            os.kill(pid, signal.SIGKILL)
            return True
        self.daemon.wait()
        self.daemon = None
        return True

    def lose_power(self):
        """And start() again, when it is back."""
        self.kill("all")

    def wait_ready(self, timeout=30):
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            if self.daemon.poll() is not None:
                raise AssertionError(f"stoopd ended with {self.daemon.returncode}:\n{self.journal()}")
            done = self.run("status", "--json", check=False)
            if done.returncode == 0:
                facts = json.loads(done.stdout)  # of each community, where there are several
                each = [part["result"] for part in facts["communities"]] if "communities" in facts else [facts]
                if all(one["ingest"] == "watched" for one in each):
                    return
            time.sleep(0.1)
        raise AssertionError(f"{self.name} does not get ready:\n{self.journal()}")

    def stop(self):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.terminate()
            self.daemon.wait(20)
        self.daemon = None

    def journal(self):
        path = self.root / "journal"
        return path.read_text() if path.exists() else ""

    def until(self, what, wanted, timeout=60):
        """Polls `what()` until `wanted` accepts it."""
        until = time.monotonic() + timeout
        while True:
            got = what()
            if wanted(got):
                return got
            if time.monotonic() > until:
                raise AssertionError(f"{self.name}: not reached: {got}\n{self.journal()}")
            time.sleep(0.2)
