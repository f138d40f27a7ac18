/* Invariants:
 *  1. Echo is off only while a passphrase is waited for: every end of a question restores the
 *     terminal, and so does every stop of the program within one.
 *  2. What was typed before a question was last shown answers nothing. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "node/base/attr.h"

enum {
    COLUMNS_DEFAULT = 80,
    BAR_COLUMNS = 24,
    DAYS_ALONE_FROM = 3,     /* before, hours matter */
    ANSWER_WAIT_S = 15 * 60, /* a key is not kept open before an empty chair */
    PASTE_WAIT_MS = 200,     /* for the next of what was pasted */
};

enum line {
    LINE_WHOLE,
    LINE_NONE,    /* end of input, time-out, Ctrl-C, Ctrl-\, hang-up: no answer */
    LINE_STOPPED, /* stopped and continued: the question has to be shown again */
};

static const int caught_signals[] = {SIGINT, SIGQUIT, SIGHUP, SIGTERM, SIGTSTP, SIGCONT};
static volatile sig_atomic_t caught;
static volatile sig_atomic_t stopped; /* under term_guard(): for good */
static bool drawn;                    /* a bar is on the screen */
static bool hushed;                   /* then these are as they were before */
static struct termios loud;
static sigset_t let_in;

struct question {
    const char *text;
    term_whole *whole; /* NULL: the answer is one line */
    int terminal;
    struct termios before, during;
    long long until_ms;
};

static void put_lines(FILE *to, size_t width, size_t columns, const char *labels[2],
                      const char *safe);
static size_t columns_at(int fd);
static size_t width_within(size_t columns);
static bool ask(struct question *question, bool echo, char *out, size_t room);
static enum line wait_line(const struct question *question, char *out, size_t room);
static void block_caught(sigset_t *block, sigset_t *before);
static enum line read_text(const struct question *question, const sigset_t *mask, char *out,
                           size_t room);
static size_t trim(char *line);
static bool is_pending(const sigset_t *mask);
static enum line read_line(const sigset_t *mask, long long until_ms, char *out, size_t room);
static void stop_here(void);
static int answer_wait_s(void);
static long long now_ms(void);
static void on_signal(int number);
static size_t decode(const char *from, uint32_t *point);
static size_t quotation(const char *from);
static bool is_hostile(uint32_t point);
static unsigned columns_of(uint32_t point);
static int open_terminal(void);
static void say(int terminal, const char *text);
static bool can_redraw(void);
static void on_stop(int number);

const char *safe_text(const char *from, size_t columns, char out[SAFE_MAX]) {
    size_t len = 0;
    size_t shown = 0;
    size_t cut = 0; /* where an ellipsis still fits */
    while (*from != '\0' && len + 16 < SAFE_MAX) {
        char one[12];
        uint32_t point = 0;
        size_t size = decode(from, &point);
        size_t width = columns_of(point);
        bool visible = size != 0 && !is_hostile(point);
        if (!visible) {
            width = (size_t)snprintf(one, sizeof one, "<%02X>",
                                     size == 0 ? (unsigned char)*from : point);
        }
        if (shown + 1 <= columns) {
            cut = len;
        }
        if (shown + width > columns) {
            (void)snprintf(out + cut, 4, "\xe2\x80\xa6"); /* ellipsis */
            return out;
        }
        size = size == 0 ? 1 : size;
        memcpy(out + len, visible ? from : one, visible ? size : width);
        len += visible ? size : width;
        shown += width;
        from += size;
    }
    out[len] = '\0';
    return out;
}

size_t safe_fit(const char *safe, size_t columns) {
    size_t len = 0;
    size_t space = 0;  /* where a word ends */
    size_t inside = 0; /* the same, within a quotation */
    size_t used = 0;
    size_t quoted = 0; /* up to where a quotation goes */
    while (safe[len] != '\0') {
        uint32_t point = 0;
        size_t size = decode(safe + len, &point);
        bool blank = safe[len] == ' ';
        if (safe[len] == '\'' && len >= quoted && (len == 0 || strchr(" (", safe[len - 1]))) {
            quoted = len + quotation(safe + len);
        }
        used += columns_of(point);
        if (used > columns) {
            return blank && len >= quoted ? len
                   : space > 0            ? space
                   : blank || inside == 0 ? len
                                          : inside;
        }
        space = blank && len >= quoted ? len : space;
        inside = blank ? len : inside;
        len += size == 0 ? 1 : size;
    }
    return len;
}

/* How long the words are that begin with this quotation mark, such as a command to be typed; 0: it
 * is an apostrophe. */
static size_t quotation(const char *from) {
    for (const char *end = strchr(from + 1, '\''); end != NULL; end = strchr(end + 1, '\'')) {
        if (end[1] == '\0' || strchr(" ,;.:)", end[1]) != NULL) {
            return (size_t)(end - from);
        }
    }
    return 0;
}

void term_text(const char *safe) {
    do {
        size_t len = safe_fit(safe, term_width());
        (void)printf("%.*s\n", (int)len, safe);
        safe += len;
        safe += *safe == ' ' ? 1 : 0;
    } while (*safe != '\0');
}

void term_line(const char *label, const char *more, const char *safe) {
    const char *labels[] = {label, more};
    put_lines(stdout, term_width(), TERM_LABEL_COLUMNS, labels, safe);
}

void term_note(const char *label, size_t columns, const char *safe) {
    const char *labels[] = {label, ""};
    (void)fflush(stdout); /* in the order in which it happened */
    put_lines(stderr, width_within(columns_at(STDERR_FILENO)), columns, labels, safe);
}

/* The first line has the first label, all others the second. */
static void put_lines(FILE *to, size_t width, size_t columns, const char *labels[2],
                      const char *safe) {
    const char *label = labels[0];
    do {
        size_t own = strlen(label);
        size_t lead = own == 0 || own < columns ? columns : own + 1; /* a long code */
        if (lead > width / 2) {
            (void)fprintf(to, "%s\n", label);
            label = "";
            lead = columns;
        }
        size_t len = safe_fit(safe, width - lead);
        size_t shown = len;
        while (shown > 0 && safe[shown - 1] == ' ') {
            shown--;
        }
        (void)fprintf(to, "%-*s%.*s\n", *label == '\0' && shown == 0 ? 0 : (int)lead, label,
                      (int)shown, safe);
        safe += len;
        safe += *safe == ' ' ? 1 : 0;
        label = labels[1];
    } while (*safe != '\0');
}

void term_put(const char *label, const char *format, ...) {
    char text[SAFE_MAX];
    char safe[SAFE_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    term_line(label, "", safe_text(text, SAFE_MAX, safe));
}

size_t term_columns(void) {
    return columns_at(STDOUT_FILENO);
}

static size_t columns_at(int fd) {
    struct winsize size = {0};
    const char *text = getenv("COLUMNS");
    long columns = 0;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return size.ws_col;
    }
    return text != NULL && parse_number(text, 1, UINT16_MAX, &columns) == 0 ? (size_t)columns
                                                                            : COLUMNS_DEFAULT;
}

size_t term_width(void) {
    return width_within(term_columns());
}

static size_t width_within(size_t columns) {
    return columns < TERM_WIDTH_MIN   ? TERM_WIDTH_MIN
           : columns > TERM_WIDTH_MAX ? TERM_WIDTH_MAX
                                      : columns;
}

bool term_present(void) {
    int terminal = open_terminal();
    if (terminal < 0) {
        return false;
    }
    (void)close(terminal);
    return isatty(STDIN_FILENO);
}

bool term_ask(const char *question, char *out, size_t room) {
    return ask(&(struct question){.text = question}, true, out, room);
}

bool term_ask_text(const char *question, term_whole *whole, char *out, size_t room) {
    return ask(&(struct question){.text = question, .whole = whole}, true, out, room);
}

bool term_passphrase(const char *question, char *out, size_t room) {
    return ask(&(struct question){.text = question}, false, out, room);
}

/* Signals wait, so that none leaves the terminal mute. */
void term_hush(void) {
    struct termios quiet;
    sigset_t block;
    hushed = tcgetattr(STDIN_FILENO, &loud) == 0;
    if (hushed) {
        block_caught(&block, &let_in);
        quiet = loud;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
    }
}

void term_unhush(void) {
    if (hushed) {
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &loud);
        (void)sigprocmask(SIG_SETMASK, &let_in, NULL);
        hushed = false;
    }
}

void term_guard(void) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    const struct sigaction action = {.sa_handler = on_stop};
    for (size_t i = 0; i < COUNT_OF(signals); i++) {
        (void)sigaction(signals[i], &action, NULL);
    }
}

bool term_stopped(void) {
    return stopped != 0;
}

void term_progress(const char *what, uint64_t done, uint64_t total) {
    static const char *under_way;
    static int last = -1;
    char all[32];
    char bar[BAR_COLUMNS + 1];
    char line[128];
    int percent = total == 0 ? 100 : (int)(done * 100 / total);
    bool redraws = can_redraw();
    if (!isatty(STDERR_FILENO) || (under_way == what && percent == last)) {
        return;
    }
    size_text(total, all);
    if (under_way != what) {
        (void)fflush(stdout);
        if (!redraws) {
            (void)fprintf(stderr, "%s %s ...\n", what, all);
        }
    }
    under_way = done >= total ? NULL : what;
    last = percent;
    if (redraws && done >= total) {
        term_busy(NULL);
    } else if (redraws) {
        drawn = true;
        size_t full = (size_t)percent * BAR_COLUMNS / 100;
        memset(bar, '#', full);
        memset(bar + full, '.', BAR_COLUMNS - full);
        bar[BAR_COLUMNS] = '\0';
        int len = snprintf(line, sizeof line, "%s [%s] %3d%% of %s", what, bar, percent, all);
        if ((size_t)len >= term_columns()) { /* it would wrap, and never be drawn over */
            (void)snprintf(line, sizeof line, "%s %d%% of %s", what, percent, all);
        }
        (void)fprintf(stderr, "\r%s\033[K", line);
    }
}

void term_busy(const char *what) {
    if ((what != NULL || drawn) && isatty(STDERR_FILENO) && can_redraw()) {
        (void)fflush(stdout);
        (void)fprintf(stderr, "\r%s\033[K", what == NULL ? "" : what);
        drawn = what != NULL;
    }
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
    } else if (s < DAYS_ALONE_FROM * 86400 && s % 86400 >= 3600) {
        (void)snprintf(out, 32, "%" PRId64 " day%s %" PRId64 "h", s / 86400, s < 172800 ? "" : "s",
                       s / 3600 % 24);
    } else {
        (void)snprintf(out, 32, "%" PRId64 " day%s", s / 86400, s < 172800 ? "" : "s");
    }
}

/* ---- questions ---- */

static bool ask(struct question *question, bool echo, char *out, size_t room) {
    enum line line = LINE_STOPPED;
    int terminal = tcgetattr(STDIN_FILENO, &question->before) == 0 ? open_terminal() : -1;
    if (terminal < 0) {
        return false;
    }
    question->until_ms = now_ms() + answer_wait_s() * 1000LL;
    question->terminal = terminal;
    question->during = question->before;
    question->during.c_lflag &= echo ? ~(tcflag_t)0 : ~(tcflag_t)ECHO;
    while (line == LINE_STOPPED) {
        line = wait_line(question, out, room);
        if (line != LINE_WHOLE || !echo) {
            say(terminal, "\n");
        }
        if (line == LINE_STOPPED) {
            stop_here();
        }
    }
    (void)close(terminal);
    return line == LINE_WHOLE;
}

static int open_terminal(void) {
    return open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
}

/* After what was printed so far. */
static void say(int terminal, const char *text) {
    (void)fflush(stdout);
    for (size_t left = strlen(text); left > 0;) {
        ssize_t put = write(terminal, text, left);
        if (put <= 0) {
            return;
        }
        text += put;
        left -= (size_t)put;
    }
}

static bool can_redraw(void) {
    const char *kind = getenv("TERM");
    return kind != NULL && *kind != '\0' && strcmp(kind, "dumb") != 0;
}

/* Signals are let in only while nothing has been read of the line, from before the question is
 * shown: none falls between two checks. */
static enum line wait_line(const struct question *question, char *out, size_t room) {
    struct sigaction before[COUNT_OF(caught_signals)];
    const struct sigaction action = {.sa_handler = on_signal};
    sigset_t block;
    sigset_t mask;
    caught = 0;
    block_caught(&block, &mask);
    for (size_t i = 0; i < COUNT_OF(caught_signals); i++) {
        (void)sigaction(caught_signals[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN) { /* as nohup(1) and some shells leave them */
            (void)sigaction(caught_signals[i], &action, NULL);
        }
    }
    say(question->terminal, question->text);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &question->during); /* drops what was typed ahead */
    bool one = question->whole == NULL;
    enum line line = one ? read_line(&mask, question->until_ms, out, room)
                         : read_text(question, &mask, out, room);
    /* What was pasted behind a text is nothing for the shell. */
    (void)tcsetattr(STDIN_FILENO, one ? TCSANOW : TCSAFLUSH, &question->before);
    for (size_t i = 0; i < COUNT_OF(caught_signals); i++) {
        (void)sigaction(caught_signals[i], &before[i], NULL);
    }
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
    return line;
}

static void block_caught(sigset_t *block, sigset_t *before) {
    (void)sigemptyset(block);
    for (size_t i = 0; i < COUNT_OF(caught_signals); i++) {
        (void)sigaddset(block, caught_signals[i]);
    }
    (void)sigprocmask(SIG_BLOCK, block, before);
}

/* Byte by byte from the descriptor: stdio would read ahead, and what is read ahead cannot be
 * dropped. A line with a NUL, or too long, is no answer to anything: it must not pass for its own
 * beginning. */
static enum line read_line(const sigset_t *mask, long long until_ms, char *out, size_t room) {
    size_t len = 0;
    bool spoilt = false;
    for (;;) {
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        long long left_ms = until_ms - now_ms();
        struct timespec left = {.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000};
        int ready = left_ms <= 0 ? 0 : ppoll(&input, 1, &left, mask);
        if (ready > 0 && is_pending(mask)) { /* ppoll() looks at input first */
            (void)sigsuspend(mask);
        }
        if (caught == SIGTSTP || caught == SIGCONT) {
            return LINE_STOPPED;
        }
        if (caught != 0 || ready == 0) {
            return LINE_NONE;
        }
        char c = 0;
        ssize_t got = ready < 0 ? -1 : read(STDIN_FILENO, &c, 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return LINE_NONE;
        }
        if (c == '\n') {
            out[spoilt ? 0 : len] = '\0';
            if (spoilt) {
                (void)snprintf(out, room, "\x01");
            }
            return LINE_WHOLE;
        }
        spoilt |= c == '\0' || len + 1 == room;
        out[len] = c;
        len += len + 1 < room ? 1 : 0;
    }
}

static enum line read_text(const struct question *question, const sigset_t *mask, char *out,
                           size_t room) {
    struct pollfd more = {.fd = STDIN_FILENO, .events = POLLIN};
    size_t len = 0;
    for (;;) {
        enum line line = read_line(mask, question->until_ms, out + len, room - len);
        if (line != LINE_WHOLE) {
            return line;
        }
        size_t got = trim(out + len);
        bool spoilt = strcmp(out + len, "\x01") == 0;
        len += got;
        bool whole = got == 0 || spoilt || len + 1 == room || question->whole(out);
        if (poll(&more, 1, PASTE_WAIT_MS) == 0 && !whole) {
            say(question->terminal, "the rest of it, or an empty line: ");
        }
        if (whole) {
            return LINE_WHOLE;
        }
    }
}

/* Of the blanks that programs put where they break lines. */
static size_t trim(char *line) {
    size_t from = strspn(line, " \t\r");
    size_t len = strlen(line + from);
    while (len > 0 && strchr(" \t\r", line[from + len - 1]) != NULL) {
        len--;
    }
    memmove(line, line + from, len);
    line[len] = '\0';
    return len;
}

static bool is_pending(const sigset_t *mask) {
    sigset_t set;
    bool any = false;
    (void)sigpending(&set);
    for (size_t i = 0; i < COUNT_OF(caught_signals); i++) {
        any |=
            sigismember(&set, caught_signals[i]) == 1 && sigismember(mask, caught_signals[i]) == 0;
    }
    return any;
}

/* The terminal is as it was: now stop, if it was a stop that ended the wait. */
static void stop_here(void) {
    if (caught == SIGTSTP) {
        (void)raise(SIGTSTP);
    }
}

/* TMOUT as shells know it may shorten the wait. */
static int answer_wait_s(void) {
    const char *text = getenv("TMOUT");
    long seconds = text == NULL ? 0 : strtol(text, NULL, 10);
    return seconds > 0 && seconds < ANSWER_WAIT_S ? (int)seconds : ANSWER_WAIT_S;
}

static long long now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now); /* a lid closed over an open question counts */
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void on_stop(int number) {
    stopped = number;
}

static void on_signal(int number) {
    if (caught == 0 || caught == SIGCONT || caught == SIGTSTP) {
        caught = number;
    }
}

/* Length of the UTF-8 character, 0 when there is none. */
static size_t decode(const char *from, uint32_t *point) {
    const unsigned char *at = (const unsigned char *)from;
    if (at[0] < 0x80) {
        *point = at[0];
        return 1;
    }
    size_t size = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : at[0] >= 0xc2 ? 2 : 0;
    if (size == 0) {
        return 0;
    }
    *point = at[0] & (0x7fU >> size);
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
        *point = *point << 6 | (at[i] & 0x3fU);
    }
    return size;
}

/* On a terminal. Marks that combine count too, so that a heap of them cannot grow over other lines'
 * words. */
static unsigned columns_of(uint32_t point) {
    bool wide = (point >= 0x1100 && point <= 0x115f) || (point >= 0x2e80 && point <= 0xa4cf) ||
                (point >= 0xac00 && point <= 0xd7a3) || (point >= 0xf900 && point <= 0xfaff) ||
                (point >= 0xfe30 && point <= 0xfe6f) || (point >= 0xff00 && point <= 0xff60) ||
                (point >= 0xffe0 && point <= 0xffe6) || (point >= 0x1f300 && point <= 0x1faff) ||
                (point >= 0x20000 && point <= 0x3fffd);
    return wide ? 2 : 1;
}

/* Controls, bidirectional marks and overrides, zero-width and other invisible characters, tags. */
static bool is_hostile(uint32_t point) {
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0xad || point == 0x61c ||
           (point >= 0x180b && point <= 0x180f) || point == 0x34f || point == 0x17b4 ||
           point == 0x17b5 || (point >= 0x1bca0 && point <= 0x1bca3) ||
           (point >= 0x1d173 && point <= 0x1d17a) || point == 0x115f || point == 0x1160 ||
           point == 0x3164 || point == 0xffa0 || point == 0x2800 ||
           (point >= 0xfe00 && point <= 0xfe0f) || (point >= 0x200b && point <= 0x200f) ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2060 && point <= 0x206f) ||
           point == 0xfeff || (point >= 0xfff0 && point <= 0xfffb) ||
           (point >= 0xe0000 && point <= 0xe0fff);
}
