#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli.h"

static volatile sig_atomic_t interrupted;

static bool read_line(int terminal, char *out, size_t room);
static void on_interrupt(int number);
static size_t decode(const char *from, uint32_t *point);
static bool is_hostile(uint32_t point);

const char *safe_text(const char *from, size_t columns, char out[SAFE_MAX]) {
    size_t len = 0;
    size_t shown = 0;
    while (*from != '\0' && len + 16 < SAFE_MAX) {
        uint32_t point = 0;
        size_t size = decode(from, &point);
        if (shown == columns) {
            (void)snprintf(out + len, 4, "\xe2\x80\xa6"); /* ellipsis */
            return out;
        }
        if (size == 0 || is_hostile(point)) {
            int more = snprintf(out + len, 12, "<%02X>", size == 0 ? (unsigned char)*from : point);
            len += (size_t)more;
            size = size == 0 ? 1 : size;
        } else {
            memcpy(out + len, from, size);
            len += size;
        }
        from += size;
        shown++;
    }
    out[len] = '\0';
    return out;
}

bool term_present(void) {
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (terminal < 0) {
        return false;
    }
    (void)close(terminal);
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

bool term_ask(const char *question, char *out, size_t room) {
    (void)fputs(question, stdout);
    (void)fflush(stdout);
    (void)tcflush(STDIN_FILENO, TCIFLUSH); /* an answer typed before the question answers nothing */
    bool got = read_line(STDIN_FILENO, out, room);
    if (!got) {
        (void)fputs("\n", stdout);
    }
    return got;
}

bool term_passphrase(const char *question, char *out, size_t room) {
    struct termios before;
    if (tcgetattr(STDIN_FILENO, &before) != 0) {
        return false;
    }
    struct termios quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    (void)fputs(question, stdout);
    (void)fflush(stdout);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet); /* and drops what was typed ahead */
    bool got = read_line(STDIN_FILENO, out, room);
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
    (void)fputs("\n", stdout);
    return got;
}

void term_progress(const char *what, uint64_t done, uint64_t total) {
    static int last = -1;
    int percent = total == 0 ? 100 : (int)(done * 100 / total);
    if (!isatty(STDERR_FILENO) || percent == last) {
        return;
    }
    last = percent == 100 ? -1 : percent;
    (void)fprintf(stderr, "\r%s %3d%%%s", what, percent, percent == 100 ? "\n" : "");
}

void size_text(uint64_t bytes, char out[32]) {
    if (bytes < 1000) {
        (void)snprintf(out, 32, "%" PRIu64 " bytes", bytes);
    } else if (bytes < 1000000) {
        (void)snprintf(out, 32, "%.1f kB", (double)bytes / 1e3);
    } else if (bytes < 1000000000) {
        (void)snprintf(out, 32, "%.1f MB", (double)bytes / 1e6);
    } else {
        (void)snprintf(out, 32, "%.2f GB", (double)bytes / 1e9);
    }
}

void span_text(int64_t ms, char out[32]) {
    int64_t s = (ms + 500) / 1000;
    if (s < 60) {
        (void)snprintf(out, 32, "%" PRId64 "s", s);
    } else if (s < 3600) {
        (void)snprintf(out, 32, "%" PRId64 "m%02" PRId64 "s", s / 60, s % 60);
    } else if (s < 86400) {
        (void)snprintf(out, 32, "%" PRId64 "h%02" PRId64 "m", s / 3600, s / 60 % 60);
    } else {
        (void)snprintf(out, 32, "%" PRId64 " days", s / 86400);
    }
}

/* Byte by byte from the descriptor: stdio would read ahead, and what is read ahead cannot be
 * dropped. */
static bool read_line(int terminal, char *out, size_t room) {
    struct sigaction action = {.sa_handler = on_interrupt};
    struct sigaction before;
    size_t len = 0;
    bool whole = false;
    interrupted = 0;
    (void)sigaction(SIGINT, &action, &before);
    while (!interrupted) {
        char c = 0;
        ssize_t got = read(terminal, &c, 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        if (c == '\n') {
            whole = true;
            break;
        }
        if (len + 1 < room) {
            out[len++] = c;
        }
    }
    (void)sigaction(SIGINT, &before, NULL);
    out[len] = '\0';
    return whole;
}

static void on_interrupt(int number) {
    (void)number;
    interrupted = 1;
}

/* Length of the UTF-8 character, 0 when there is none. */
static size_t decode(const char *from, uint32_t *point) {
    const unsigned char *at = (const unsigned char *)from;
    if (at[0] < 0x80) {
        *point = at[0];
        return 1;
    }
    size_t size = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : at[0] >= 0xc2 ? 2 : 0;
    *point = at[0] & (0x7fU >> size);
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
        *point = *point << 6 | (at[i] & 0x3fU);
    }
    return size;
}

/* Controls, bidirectional marks and overrides, zero-width and other invisible characters, tags. */
static bool is_hostile(uint32_t point) {
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0xad || point == 0x61c ||
           point == 0x180e || (point >= 0x200b && point <= 0x200f) ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2060 && point <= 0x206f) ||
           point == 0xfeff || (point >= 0xfff9 && point <= 0xfffb) ||
           (point >= 0xe0000 && point <= 0xe0fff);
}
