#!/usr/bin/env python3
"""One large clip on a bad day: the requester's disk has no room for it, then fills up while it comes, then the link
breaks again and again. Nobody's node stops, nothing that came whole is sent twice, and what arrives is the very file.
The disk is a small one of its own, in a mount namespace, so this takes root; without, only the link is bad.

usage: tests/e2e/delivery_test.py BIN-FOLDER [--long]
"""
import os
import contextlib
import pathlib
import re
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from footage import make_large_file  # noqa: E402
from street import (PLACE, accept, ask, found_and_join, half_an_hour_ago, open_clips, set_up, start_home,  # noqa: E402
                    wait_delivered)

MB = 1000 * 1000
PIECE = 65552
OVERHEAD = 300 * 1000  # of one delivery link: handshake, offer, leaves


class Road:
    """What others dial instead of a home: slow when told so, and cut behind so many bytes of one connection."""

    def __init__(self, port):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.server.getsockname()[1]
        self.port = port
        self.bytes_a_second = None
        self.cut_after = None
        self.cuts = 0
        self.carried = 0  # towards the home, by connections that carried more than gossip
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.server.accept()
            try:
                far = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                near.close()
                continue
            threading.Thread(target=self.carry, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self.carry, args=(far, near, False), daemon=True).start()

    def carry(self, source, target, towards):
        total = 0
        try:
            while data := source.recv(32768):
                if towards and self.cut_after and total + len(data) > self.cut_after:
                    self.cuts += 1
                    break
                target.sendall(data)
                total += len(data)
                if self.bytes_a_second and total > MB:
                    time.sleep(len(data) / self.bytes_a_second)
        except OSError:
            pass
        if towards and total > MB:
            self.carried += total
        try:
            target.shutdown(socket.SHUT_WR)
            source.shutdown(socket.SHUT_RD)
        except OSError:
            pass


def own_namespace():
    """True inside one; runs this program again in a new one where the system lets us."""
    if os.environ.get("STOOP_TEST_MOUNTS"):
        return True
    if os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL).returncode == 0:
        os.environ["STOOP_TEST_MOUNTS"] = "1"
        os.execvp("unshare", ["unshare", "-m", sys.executable, *sys.argv])
    print("delivery: disk: skipped: no mount namespace")
    return False


def node_pid(home):
    done = subprocess.run(["pgrep", "-P", str(home.daemon.pid), "stoop-node"], capture_output=True, text=True, check=True)
    return int(done.stdout)


def wait_journal(home, wanted, since, timeout=90):
    home.until(lambda: home.journal()[since:], lambda text: re.search(wanted, text), timeout)


@contextlib.contextmanager
def small_disk(home, folder):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=70m", "stoop-test", str(folder)], check=True)
    try:
        yield
    finally:
        home.stop()
        subprocess.run(["umount", "-l", str(folder)], check=False)


def bad_disk(ada, road, resize, size):
    """From no room at all to enough of it, with a shortage in between."""
    pid = node_pid(ada)
    wait_journal(ada, "closed link=.*disk is full", 0)
    assert ada.facts("status")["links"] == 1  # it does all else
    since = len(ada.journal())
    road.bytes_a_second = size / 8
    resize("%dm" % (64 + size // MB + 50))
    wait_journal(ada, f"offered grant=.* held=0 of={size}", since)
    time.sleep(2)
    filler = ada.data / "node" / "delivered" / "filler"
    with open(filler, "wb") as file:
        try:
            while file.write(bytes(MB)):
                file.flush()
        except OSError:
            pass
    wait_journal(ada, "broken off grant=.* reason=\"this computer's disk is full\"", since)
    assert ada.facts("status")["links"] == 1
    filler.unlink()
    road.bytes_a_second = None
    assert node_pid(ada) == pid


def main():
    mounts = own_namespace()
    size = (400 if "--long" in sys.argv else 40) * MB
    with set_up("delivery", "ada", "ben") as (root, ada, ben), contextlib.ExitStack() as ends:
        homes = [ada, ben]
        road = Road(ada.port)
        disk = ada.data / "node" / "delivered"

        def resize(text):
            subprocess.run(["mount", "-o", f"remount,size={text}", str(disk)], check=True)

        ada.init()
        ada.set_config("match_delay_s", "0")
        ada.set_config("address", road.address)
        disk.mkdir(parents=True, exist_ok=True)
        if mounts:
            ends.enter_context(small_disk(ada, disk))
        ada.start()
        start_home(ben)
        found_and_join(homes)
        start = half_an_hour_ago()
        clip, seconds = make_large_file(root / "camera", start, size)
        ben.with_passphrase("camera", "add", "porch", "--folder", str(clip.parent), "--layout", "motion", "--at", PLACE,
                            "--reach", "40")
        time.sleep(3)
        code = ask(ada, start, -5, seconds + 5)
        ben.until(lambda: open_clips(ben), lambda n: n == 1)
        if not mounts:
            road.cut_after = 6 * MB
        exit_code, text = accept(ben, code)
        assert exit_code == 0, text
        payload = 16 + clip.stat().st_size + 16 * -(-clip.stat().st_size // 65536)
        if mounts:
            bad_disk(ada, road, resize, payload)
        since = len(ada.journal())
        before, cuts = road.carried, road.cuts
        road.cut_after = 6 * MB if size < 100 * MB else 30 * MB
        wait_delivered(ada, code, 240)
        held = int((re.findall(r"offered grant=.* held=(\d+)", ada.journal()[since:]) or ["0"])[0])
        cuts = road.cuts - cuts
        carried = road.carried - before
        assert cuts >= (payload - held) // road.cut_after - 1, (cuts, held)
        assert carried <= payload - held + (cuts + 1) * (PIECE + OVERHEAD), (carried, payload, held, cuts)
        ada.with_passphrase("collect", code, "--to", str(root / "out"))
        assert next((root / "out").glob(f"stoop-{code}-*.mp4")).read_bytes() == clip.read_bytes()
        for home in homes:
            assert " ended " not in home.journal(), home.journal()
        print(f"delivery: {payload // MB} MB bit for bit over {cuts} broken links, {carried // MB} MB carried after the "
              f"{held // MB} MB that were held" + (", a full disk in between" if mounts else ""))


if __name__ == "__main__":
    main()
