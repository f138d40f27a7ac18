/* The court's own signature is checked by a child. What reads a stranger's DER has no key, no
 * network, no file, no program to start, and little time: the walls of media work, and limits. Each
 * seal gets a child of its own, so that none has a say in what is found of another. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/clip.h"

enum {
    WALL_MS = 25 * 1000, /* longer than the child's own limits */
    ADDRESS_SPACE = 256 * 1024 * 1024,
};

struct job { /* behind it, in a file: seal, document, then the anchors */
    struct instant now;
    size_t seal, document;
    size_t anchor_count;
    size_t anchors[AUTHORITIES_MAX];
};

struct answer {
    enum cms_result result;
    char by[CMS_NAME_BYTES];
};

static void serve(int socket, const void *argument);
static void answer_of(const struct seals_terms *terms, const struct job *job, int file,
                      struct answer *out);
static bool read_whole(int from, int wall_ms, struct answer *out);
static int64_t now_ms(void);
static _Noreturn void check(int to, const struct job *job, int file, seals_work *work);
static size_t size_of(const struct job *job);
static bool is_sound(const struct answer *answer);

int seals_start(struct helper **out) {
    static const struct seals_terms terms = {.work = cms_check, .wall_ms = WALL_MS};
    return seals_start_on(&terms, out);
}

int seals_start_on(const struct seals_terms *terms, struct helper **out) {
    return helper_start(serve, terms, "what checks seals", out);
}

void seal_check(struct helper *seals, struct bytes seal, struct bytes document,
                const struct authorities *authorities, struct instant now,
                struct seal_outcome *out) {
    struct job job = {
        .now = now, .seal = seal.len, .document = document.len, .anchor_count = authorities->count};
    struct answer answer = {.result = CMS_MALFORMED};
    int file = memfd_create("seal", MFD_CLOEXEC);
    bool good = file >= 0 && helper_fill(file, seal) && helper_fill(file, document);
    for (size_t i = 0; i < authorities->count; i++) {
        struct bytes anchor = authority_at(authorities, i);
        job.anchors[i] = anchor.len;
        good = good && helper_fill(file, anchor);
    }
    good = good && helper_send(seals->socket, &job, sizeof job, &file, 1);
    ssize_t got = -1;
    while (good && got < 0) { /* interrupted: its answer must not be taken for the next one's */
        got = helper_receive(seals->socket, &answer, sizeof answer, NULL, 0);
    }
    if (file >= 0) {
        (void)close(file);
    }
    *out = (struct seal_outcome){.checked = true, .result = CMS_MALFORMED};
    if (got == sizeof answer && is_sound(&answer)) {
        out->result = answer.result;
        (void)snprintf(out->by, sizeof out->by, "%s", answer.by);
    }
}

/* What answers may have been taken over by what it read. */
static bool is_sound(const struct answer *answer) {
    return (int)answer->result >= CMS_SEALED && (int)answer->result <= CMS_WRONG_USAGE &&
           memchr(answer->by, '\0', sizeof answer->by) != NULL;
}

/* ---- the child ---- */

static void serve(int socket, const void *argument) {
    struct job job;
    int file = -1;
    while (helper_receive(socket, &job, sizeof job, &file, 1) == sizeof job) {
        struct answer answer = {.result = CMS_MALFORMED};
        answer_of(argument, &job, file, &answer);
        (void)close(file);
        if (!helper_send(socket, &answer, sizeof answer, NULL, 0)) {
            break;
        }
    }
}

/* One child, one pipe, one answer: whatever has taken the child over has no way to the next one. */
static void answer_of(const struct seals_terms *terms, const struct job *job, int file,
                      struct answer *out) {
    int ends[2];
    int status = -1;
    struct answer answer;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return;
    }
    pid_t child = fork();
    if (child == 0) {
        check(ends[1], job, file, terms->work);
    }
    (void)close(ends[1]);
    bool whole = child > 0 && read_whole(ends[0], terms->wall_ms, &answer);
    (void)close(ends[0]);
    if (child > 0) {
        (void)kill(child, SIGKILL); /* it has answered, or is late */
        (void)waitpid(child, &status, 0);
    }
    if (whole) {
        *out = answer;
    }
}

/* One answer and the end, in time: what says more is not what was started. */
static bool read_whole(int from, int wall_ms, struct answer *out) {
    uint8_t bytes[sizeof *out + 1];
    size_t len = 0;
    ssize_t got = 1;
    const int64_t until = now_ms() + wall_ms;
    while (got > 0 && len < sizeof bytes) {
        struct pollfd ready = {.fd = from, .events = POLLIN};
        int64_t left = until - now_ms();
        got = left > 0 && poll(&ready, 1, (int)left) == 1
                  ? read(from, bytes + len, sizeof bytes - len)
                  : -1;
        len += got > 0 ? (size_t)got : 0;
    }
    if (got != 0 || len != sizeof *out) {
        return false;
    }
    memcpy(out, bytes, sizeof *out);
    return true;
}

static int64_t now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static _Noreturn void check(int to, const struct job *job, int file, seals_work *work) {
    struct answer answer = {.result = CMS_MALFORMED};
    struct bytes anchors[AUTHORITIES_MAX];
    const uint8_t *at = mmap(NULL, size_of(job), PROT_READ, MAP_PRIVATE, file, 0);
    (void)dup2(to, STDERR_FILENO + 1); /* in the place of the socket that jobs come by */
    if (at == MAP_FAILED || close_range(STDERR_FILENO + 2, ~0U, 0) != 0 ||
        !helper_confine(0, ADDRESS_SPACE)) {
        _exit(1);
    }
    struct bytes seal = {at, job->seal};
    struct bytes document = {at + job->seal, job->document};
    at += job->seal + job->document;
    for (size_t i = 0; i < job->anchor_count; i++) {
        anchors[i] = (struct bytes){at, job->anchors[i]};
        at += job->anchors[i];
    }
    answer.result = work(seal, document, anchors, job->anchor_count, job->now, answer.by);
    _exit(write(STDERR_FILENO + 1, &answer, sizeof answer) == sizeof answer ? 0 : 1);
}

static size_t size_of(const struct job *job) {
    size_t size = job->seal + job->document;
    for (size_t i = 0; i < job->anchor_count; i++) {
        size += job->anchors[i];
    }
    return size;
}
