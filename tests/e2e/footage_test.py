#!/usr/bin/env python3
"""Real footage through the real flow: pedestrians filmed by a fixed camera (Debian's opencv-doc), laid out as Frigate,
MediaMTX and Motion would write it, and a telephone's MP4 with its place and device inside (forensics-samples-files).

What arrives is held against the source frame by frame: exactly the seconds that were asked for, no frame beside them
(edit lists ignored too), gaps kept and said. The recorder's files stay as they were.

usage: tests/e2e/footage_test.py BIN-FOLDER [--long]
"""
import datetime
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

os.environ["TZ"] = "America/Sao_Paulo"  # three hours from UTC: Frigate's names and the others' differ
time.tzset()
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from homes import Home  # noqa: E402
from street import found_and_join, set_up, start_home  # noqa: E402

CCTV = pathlib.Path("/usr/share/doc/opencv-doc/examples/data/vtest.avi")
PHONE = pathlib.Path("/usr/share/forensics-samples/original-files/movie1/VID_20191220_170832.mp4")
RATE = 10
SEGMENT_S = 10
SMALL = (48, 36)  # pictures are compared at this size, in grey
QUESTION = "or the code to accept: "


def ffmpeg(*words):
    return subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, words)], check=True,
                          capture_output=True).stdout


def frame_hashes(path, stream="v:0", hidden=False):
    """One hash for each decoded frame, and its time in seconds."""
    text = ffmpeg(*(["-ignore_editlist", "1"] if hidden else []), "-i", path, "-map", f"0:{stream}", "-fps_mode",
                  "passthrough", "-f", "framehash", "-hash", "md5", "-") if stream.startswith("v") else ffmpeg(
        *(["-ignore_editlist", "1"] if hidden else []), "-i", path, "-map", f"0:{stream}", "-c", "copy", "-f",
        "framehash", "-hash", "md5", "-")
    base, frames = 1.0, []
    for line in text.decode().splitlines():
        if line.startswith("#tb 0: "):
            above, below = line.split()[2].split("/")
            base = int(above) / int(below)
        elif not line.startswith("#"):
            fields = [field.strip() for field in line.split(",")]
            frames.append((round(int(fields[2]) * base, 3), fields[5]))
    return frames


def pictures(path, hidden=False):
    raw = ffmpeg(*(["-ignore_editlist", "1"] if hidden else []), "-i", path, "-map", "0:v:0", "-fps_mode",
                 "passthrough", "-vf", f"scale={SMALL[0]}:{SMALL[1]}:flags=area,format=gray", "-f", "rawvideo", "-")
    size = SMALL[0] * SMALL[1]
    return [raw[at:at + size] for at in range(0, len(raw), size)]


def difference(a, b):
    return sum((x - y) ** 2 for x, y in zip(a, b)) / len(a)


def is_frames(got, source, first, count):
    """Each of the pictures is its own frame of the source, and more so than the one before or after."""
    assert len(got) == count, f"{len(got)} frames came, {count} were asked for"
    for i, picture in enumerate(got):
        own = difference(picture, source[first + i])
        assert own < 12, f"frame {i} is not the source's {first + i}: mean square {own:.1f}"
        for other in (first + i - 1, first + i + 1):
            if 0 <= other < len(source) and difference(source[other], source[first + i]) > 1:
                assert own < difference(picture, source[other]), f"frame {i} is rather the source's {other}"


def files_of(folder):
    """Bytes and times of everything that a recorder wrote."""
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_ino, path.stat().st_mode,
                        hashlib.sha256(path.read_bytes()).hexdigest())
            for path in sorted(folder.rglob("*")) if path.is_file()}


class Recorder:
    """Writes the master's segments of SEGMENT_S seconds as one kind of recorder would."""

    def __init__(self, root, layout, start, place):
        self.folder = root / layout
        self.layout, self.start, self.place = layout, start, place
        self.folder.mkdir()

    def path(self, index):
        begin = self.start + datetime.timedelta(seconds=SEGMENT_S * index)
        utc = begin.astimezone(datetime.timezone.utc)
        return self.folder / {"frigate": f"{utc:%Y-%m-%d}/{utc:%H}/frigate/{utc:%M.%S}.mp4",
                              "mediamtx": f"street/{begin:%Y-%m-%d_%H-%M-%S-%f}.mp4",
                              "motion": f"01-{begin:%Y%m%d%H%M%S}.mkv"}[self.layout]

    def record(self, master, skip=()):
        flags = ["-movflags", "frag_keyframe+empty_moov+default_base_moof"] if self.layout == "mediamtx" else []
        for index in range(8):
            path = self.path(index)
            path.parent.mkdir(parents=True, exist_ok=True)
            if index not in skip:  # every segment begins with a keyframe: copied, not one bit of picture is changed
                ffmpeg("-ss", SEGMENT_S * index, "-t", SEGMENT_S, "-i", master, "-c", "copy", *flags, path)
                ended = self.start.timestamp() + SEGMENT_S * (index + 1)
                os.utime(path, (ended, ended))


class Flow:
    def __init__(self, root, ada, ben):
        self.root, self.ada, self.ben = root, ada, ben

    def begin(self):
        for home in (self.ada, self.ben):
            start_home(home)
        found_and_join((self.ada, self.ben))

    def add_camera(self, name, folder, layout, place):
        self.ben.with_passphrase("camera", "add", name, "--folder", str(folder), "--layout", layout, "--at", place,
                                 "--reach", "40")

    def deliver(self, place, first, last):
        """Asks, accepts at the prompt, collects: the clip, its certificate as JSON and as text, and the prompt."""
        text = self.ada.with_passphrase("request", "--at", place, "--radius", "60", "--from",
                                        f"{first:%Y-%m-%d %H:%M:%S}", "--to", f"{last:%Y-%m-%d %H:%M:%S}", "--reason",
                                        "Hit and run, silver hatchback", "--voluntary", "--yes")
        code = re.search(r"sent as ([0-9A-F]{4}-[0-9A-F]{2})", text).group(1)
        self.ben.until(lambda: [c for c in self.ben.facts("vault", "list") if c["request"] == code], lambda c: c)
        terminal = self.ben.at_terminal("review", code)
        terminal.expect("passphrase of .*: ")
        terminal.line(Home.PASSPHRASE)
        terminal.expect(QUESTION)
        prompt = terminal.text
        terminal.line(code)
        terminal.expect("passphrase of .*: ")
        terminal.line(Home.PASSPHRASE)
        assert terminal.wait() == 0, terminal.text
        self.ada.until(lambda: [d for d in self.ada.facts("delivered") if d["code"] == code],
                       lambda d: d and d[0]["state"].startswith("here"))
        self.ada.with_passphrase("collect", code, "--to", str(self.root / "out"))
        clip = next((self.root / "out").glob(f"stoop-{code}-*.mp4"))
        return clip, json.loads(clip.with_suffix(".json").read_text()), clip.with_suffix(".txt").read_text(), prompt


def seconds(start, *values):
    return [(start + datetime.timedelta(seconds=value)).replace(microsecond=0) for value in values]


def across_borders(flow, recorder, master, first_frame):
    """17 seconds that begin and end within a segment: made anew, exactly these frames."""
    clip, facts, _, prompt = flow.deliver(recorder.place, *seconds(recorder.start, 5, 22))
    assert "cut to these seconds" in prompt and "gap" not in prompt, prompt
    is_frames(pictures(clip), master, first_frame, 17 * RATE)
    is_frames(pictures(clip, hidden=True), master, first_frame, 17 * RATE)
    assert facts["making"] == "reencoded" and len(facts["sources"]) == 3 and len(facts["coverage"]) == 1, facts
    hashes = [hashlib.sha256(recorder.path(i).read_bytes()).hexdigest() for i in range(3)]
    assert [source["sha256"] for source in facts["sources"]] == hashes, facts


def whole_segments(flow, recorder, master):
    """Whole segments are joined without touching a picture: the very frames, bit for bit when decoded."""
    clip, facts, _, prompt = flow.deliver(recorder.place, *seconds(recorder.start, 0, 30))
    assert facts["making"] == "copied" and "gap" not in prompt, (facts, prompt)
    source = frame_hashes(master)[:30 * RATE]
    for hidden in (False, True):
        got = frame_hashes(clip, hidden=hidden)
        assert [h for _, h in got] == [h for _, h in source], f"{len(got)} frames, others than the source's"


def over_a_gap(flow, recorder, master):
    """One segment is missing: prompt and certificate say so, and no picture is put in its place."""
    first, last = seconds(recorder.start, 5, 35)
    clip, facts, text, prompt = flow.deliver(recorder.place, first, last)
    gap = seconds(recorder.start, 10)[0]
    assert f"20s of 30s, gap at {gap:%H:%M:%S}" in prompt, prompt
    assert len(facts["coverage"]) == 2 and "gap of 10s" in text, text
    ends = facts["coverage"][0]["to"], facts["coverage"][1]["from"]
    assert [datetime.datetime.fromisoformat(end.replace("Z", "+00:00")).timestamp() for end in ends] == [
        gap.timestamp(), gap.timestamp() + SEGMENT_S], facts
    got = pictures(clip)
    is_frames(got[:5 * RATE], master, 5 * RATE, 5 * RATE)
    is_frames(got[5 * RATE:], master, 20 * RATE, 15 * RATE)
    times = [at for at, _ in frame_hashes(clip)]
    steps = [round(b - a, 3) for a, b in zip(times, times[1:])]
    assert steps[5 * RATE - 1] == SEGMENT_S + 0.1 and max(steps[:49] + steps[50:]) <= 0.101, steps


def phone(flow, folder):
    """A telephone's film knows its place and device: the film leaves, they do not."""
    place = "52.5500,13.4050"
    path = folder / PHONE.name
    shutil.copy2(PHONE, path)
    before = files_of(folder)
    flow.add_camera("phone", folder, "plain", place)
    taken = datetime.datetime(2019, 12, 20, 17, 8, 32)
    clip, facts, _, prompt = flow.deliver(place, *seconds(taken, -2, 5))
    assert "WITH SOUND" in prompt and "1920x1080" in prompt, prompt
    assert "notes on place and device stay here" in prompt and "bit for bit" not in prompt, prompt
    assert facts["making"] == "copied" and facts["from"].startswith("2019-12-20T20:08:32"), facts
    assert b"-15.8355" in path.read_bytes() and b"android" in path.read_bytes()
    data = clip.read_bytes()
    for word in (b"15.8355", b"048.0153", b"android", b"\xa9xyz", b"loci"):
        assert word not in data, word
    tags = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format_tags:stream_tags", "-of", "flat",
                           str(clip)], check=True, capture_output=True, text=True).stdout
    assert not re.search("location|android|creation_time", tags), tags
    for hidden in (False, True):
        assert [h for _, h in frame_hashes(clip, hidden=hidden)] == [h for _, h in frame_hashes(path)]
    assert [h for _, h in frame_hashes(clip, "a:0")] == [h for _, h in frame_hashes(path, "a:0", hidden=True)]
    assert files_of(folder) == before


def untouched(flow, folder, master):
    """One file within the time asked for, which says nothing about itself, arrives bit for bit."""
    place = "52.5600,13.4050"
    path = folder / "street_2026-01-05_08-30-00.mp4"
    ffmpeg("-t", SEGMENT_S, "-i", master, "-c", "copy", "-map_metadata", "-1", path)
    os.utime(path, (time.time() - 60,) * 2)
    before = files_of(folder)
    flow.add_camera("door", folder, "plain", place)
    start = datetime.datetime(2026, 1, 5, 8, 30, 0)
    clip, facts, text, prompt = flow.deliver(place, *seconds(start, -5, 15))
    assert clip.read_bytes() == path.read_bytes()
    assert facts["making"] == "whole_file" and "the camera's own file, bit for bit" in prompt, (facts, prompt)
    assert "the camera's file, bit for bit" in text, text
    assert files_of(folder) == before


def another_track(flow, folder, master):
    """A track beside picture and sound, where a camera writes where it was, stays at home."""
    place = "52.5750,13.4050"
    path = folder / "lane_2026-01-05_10-30-00.mp4"
    words = folder.parent / "words.srt"
    words.write_text("1\n00:00:01,000 --> 00:00:02,000\n52.5750 N 13.4050 E\n")
    ffmpeg("-i", master, "-i", words, "-t", SEGMENT_S, "-c:v", "copy", "-c:s", "mov_text", "-map_metadata", "-1", path)
    os.utime(path, (time.time() - 60,) * 2)
    assert b"52.5750 N" in path.read_bytes()
    flow.add_camera("lane", folder, "plain", place)
    start = datetime.datetime(2026, 1, 5, 10, 30, 0)
    clip, facts, _, _ = flow.deliver(place, *seconds(start, -5, 15))
    assert facts["making"] == "copied" and b"52.5750 N" not in clip.read_bytes(), facts
    assert [h for _, h in frame_hashes(clip, hidden=True)] == [h for _, h in frame_hashes(path)]


def old_codec(flow, folder):
    """The film as it lies in the package: its codec has no place in an MP4, so it is made anew; nothing is missing."""
    place = "52.5700,13.4050"
    path = folder / "01-20260105093000.avi"
    shutil.copy2(CCTV, path)
    before = files_of(folder)
    flow.add_camera("attic", folder, "motion", place)
    start = datetime.datetime(2026, 1, 5, 9, 30, 0)
    clip, facts, _, _ = flow.deliver(place, *seconds(start, -5, 90))
    assert facts["making"] == "reencoded", facts
    source = pictures(CCTV)
    is_frames(pictures(clip, hidden=True), source, 0, len(source))
    assert files_of(folder) == before


def main():
    long = "--long" in sys.argv
    if not CCTV.exists() or not PHONE.exists():
        print("footage: skipped: opencv-doc or forensics-samples-files is not installed")
        return
    with set_up("footage", "ada", "ben") as (root, ada, ben):
        flow = Flow(root, ada, ben)
        master = root / "master.mp4"  # as a camera encodes: H.264, a keyframe a second
        ffmpeg("-i", CCTV, "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-g", RATE, "-bf", 0, "-pix_fmt",
               "yuv420p", master)
        source = pictures(master)
        assert len(source) == 795
        start = (datetime.datetime.now() - datetime.timedelta(hours=3)).replace(second=0, microsecond=0)
        offset = datetime.timedelta(milliseconds=250)  # MediaMTX writes fractions
        frigate = Recorder(root, "frigate", start, "52.5200,13.4050")
        mediamtx = Recorder(root, "mediamtx", start + offset, "52.5300,13.4050")
        motion = Recorder(root, "motion", start, "52.5400,13.4050")
        for recorder in (frigate, mediamtx):
            recorder.record(master)
        motion.record(master, skip=(1,))
        before = {recorder: files_of(recorder.folder) for recorder in (frigate, mediamtx, motion)}
        flow.begin()
        for recorder in (frigate, mediamtx, motion):
            flow.add_camera(recorder.layout, recorder.folder, recorder.layout, recorder.place)
        across_borders(flow, mediamtx, source, 48)  # the first frame at or after the full second is 4.8 s in
        whole_segments(flow, frigate, master)
        over_a_gap(flow, motion, source)
        if long:
            across_borders(flow, frigate, source, 5 * RATE)
            motion_again = motion_without_gap(root, flow, master, start)
            across_borders(flow, motion_again, source, 5 * RATE)
            whole_segments(flow, motion_again, master)
        for name, run in (("phone", phone), ("door", lambda f, d: untouched(f, d, master)),
                          ("lane", lambda f, d: another_track(f, d, master)), ("attic", old_codec)):
            (root / name).mkdir()
            run(flow, root / name)
        for recorder, files in before.items():
            assert files_of(recorder.folder) == files, f"{recorder.layout}: the recorder's files were touched"
        print("footage: exact seconds from Frigate, MediaMTX and Motion; a gap said; a telephone's place kept back; "
              "an untouched file bit for bit")


def motion_without_gap(root, flow, master, start):
    (root / "second").mkdir()
    recorder = Recorder(root / "second", "motion", start, "52.5800,13.4050")
    recorder.record(master)
    flow.add_camera("second", recorder.folder, "motion", recorder.place)
    return recorder


if __name__ == "__main__":
    main()
