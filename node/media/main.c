/* stoop-media: one ffmpeg job behind walls of its own. Started by stoop-ingest and `stoop`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/media/media.h"

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)puts("stoop-media " STOOP_VERSION);
        return 0;
    }
    if (argc != 3) {
        (void)fputs(
            "usage: stoop-media KIND DESCRIPTOR\n\n"
            "Runs one job for stoop-ingest or stoop; there is no use in starting it by hand.\n",
            argc == 2 && strcmp(argv[1], "--help") == 0 ? stdout : stderr);
        return argc == 2 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    media_work(argv[1], (int)strtol(argv[2], NULL, 10));
}
