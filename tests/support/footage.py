"""Footage as recorders leave it: short files with a burnt-in clock, in the layout of each recorder."""
import datetime
import os
import pathlib
import subprocess

FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"


def segment_path(layout, camera, start):
    utc = start.astimezone(datetime.timezone.utc)
    return {
        "frigate": f"{utc:%Y-%m-%d}/{utc:%H}/{camera}/{utc:%M.%S}.mp4",
        "mediamtx": f"{start:%Y-%m-%d_%H-%M-%S}-000000.mp4",
        "motion": f"01-{start:%Y%m%d%H%M%S}.mp4",
        "plain": f"{camera}_{start:%Y-%m-%d_%H-%M-%S}.mp4",
    }[layout]


def make_segments(folder, layout, camera, start, count, seconds, size="320x240", rate=10, sound=False):
    """`start` is local time; files are dated as if they had just been finished."""
    tone = ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}", "-c:a", "aac"] if sound else []
    folder = pathlib.Path(folder)
    paths = []
    for i in range(count):
        begin = start + datetime.timedelta(seconds=seconds * i)
        path = folder / segment_path(layout, camera, begin)
        path.parent.mkdir(parents=True, exist_ok=True)
        clock = (f"drawtext=fontfile={FONT}:fontsize=20:fontcolor=white:box=1:boxcolor=black:x=8:y=8:"
                 f"text='{camera} %{{pts\\:localtime\\:{int(begin.timestamp())}}}'")
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i",
                        f"testsrc=size={size}:rate={rate}:duration={seconds}", *tone, "-vf", clock, "-c:v", "libx264", "-g",
                        str(rate), "-preset", "veryfast", "-pix_fmt", "yuv420p", str(path)], check=True)
        ended = (begin + datetime.timedelta(seconds=seconds)).timestamp()
        os.utime(path, (ended, ended))
        paths.append(path)
    return paths


def make_large_file(folder, start, size):
    """One Motion file of at least `size` bytes: two seconds of noise again and again, streams copied, nothing that
    describes it inside. Returns its path and its seconds."""
    folder = pathlib.Path(folder)
    folder.mkdir()
    short = folder.parent / "short.mp4"
    path = folder / segment_path("motion", "", start)
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i",
                    "testsrc=size=1280x720:rate=10:duration=2,noise=alls=80:allf=t+u", "-c:v", "mpeg4", "-q:v", "1",
                    "-bf", "0", "-map_metadata", "-1", "-fflags", "+bitexact", str(short)], check=True)
    times = -(-size // short.stat().st_size)
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-stream_loop", str(times - 1), "-i", str(short), "-c", "copy",
                    "-map_metadata", "-1", "-fflags", "+bitexact", str(path)], check=True)
    short.unlink()
    ended = (start + datetime.timedelta(seconds=2 * times)).timestamp()
    os.utime(path, (ended, ended))
    return path, 2 * times


def warrant_pdf(*lines):
    """A small, correct PDF of one page."""
    text = "BT /F1 14 Tf 72 760 Td 20 TL " + " ".join(
        "(" + line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)") + ") Tj T*" for line in lines) + " ET"
    objects = ["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
               "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
               f"<</Length {len(text)}>>stream\n{text}\nendstream", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    return out + f"trailer<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n".encode()
