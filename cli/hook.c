#include "cli/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/helper.h"

enum {
    WORDS_MAX = 64,
    LOOK_MS = 50,
    CANNOT_RUN = 127,
    TOO_LONG = 1000, /* no exit status has it */
    BY_SIGNAL = 2000,
};

struct hook {
    struct helper *helper;
    bool runs;
};

static bool can_run(const char *program);
static bool is_program(const char *path);
static void say_how(int status);
static void serve(int socket, const void *with);
static int run(char *const *words, struct bytes message);
static _Noreturn void become(char *const *words, struct bytes message);
static int wait_for(pid_t child);
static size_t write_message(enum hook_event event, size_t count, char (*codes)[REQUEST_CODE_BYTES],
                            char out[HOOK_MESSAGE_MAX]);
static enum err read_line(char *line, struct notified *out);
static void path_of(const struct cli *cli, const char *name, char out[PATH_MAX]);

static const char *const event_words[] = {[HOOK_WAITS] = "waits", [HOOK_ENDS_SOON] = "ends_soon"};

/* ---- this side ---- */

int hook_start(char *const *words, struct hook **out) {
    if (!can_run(*words)) {
        (void)fail("is it installed?", "'%s' cannot be run", *words);
        return EXIT_USAGE;
    }
    struct hook *hook = calloc(1, sizeof *hook);
    if (hook == NULL) {
        return fail(NULL, "out of memory");
    }
    int failed = helper_start(serve, words, "what notifies", &hook->helper);
    if (failed != 0) {
        free(hook);
        return failed;
    }
    *out = hook;
    return 0;
}

int hook_tell(struct hook *hook, enum hook_event event, size_t count,
              char (*codes)[REQUEST_CODE_BYTES]) {
    char message[HOOK_MESSAGE_MAX];
    size_t len = write_message(event, count, codes, message);
    hook->runs = len > 0 && send(hook->helper->socket, message, len, MSG_NOSIGNAL) == (ssize_t)len;
    return hook->runs ? 0 : fail(NULL, "what notifies is gone");
}

int hook_look(struct hook *hook, bool *ready) {
    int status = 0;
    ssize_t got = recv(hook->helper->socket, &status, sizeof status, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        return fail(NULL, "what notifies is gone");
    }
    if (got == sizeof status) {
        hook->runs = false;
        say_how(status);
    }
    *ready = !hook->runs;
    return 0;
}

/* As execvp() will find it. */
static bool can_run(const char *program) {
    const char *path = getenv("PATH");
    char whole[PATH_MAX];
    if (strchr(program, '/') != NULL) {
        return is_program(program);
    }
    for (path = path == NULL ? "/bin:/usr/bin" : path; *program != '\0'; path++) {
        size_t len = strcspn(path, ":");
        (void)snprintf(whole, sizeof whole, "%.*s%s%s", (int)len, path, len == 0 ? "" : "/",
                       program);
        if (is_program(whole)) {
            return true;
        }
        path += len;
        if (*path == '\0') {
            break;
        }
    }
    return false;
}

static bool is_program(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

/* Nothing, where it went well. */
static void say_how(int status) {
    if (status == CANNOT_RUN) {
        (void)fail("is it installed?", "the program that notifies cannot be run");
    } else if (status == TOO_LONG) {
        (void)fail(NULL, "the program that notifies took longer than %d s and was ended",
                   HOOK_WALL_S);
    } else if (status >= BY_SIGNAL) {
        (void)fail(NULL, "the program that notifies was ended by signal %d", status - BY_SIGNAL);
    } else if (status != 0) {
        (void)fail(NULL, "the program that notifies failed with %d", status);
    }
}

void hook_stop(struct hook *hook) {
    if (hook != NULL) {
        helper_stop(hook->helper);
        free(hook);
    }
}

/* The last of its arguments, a newline, and then what its standard input gets. */
static size_t write_message(enum hook_event event, size_t count, char (*codes)[REQUEST_CODE_BYTES],
                            char out[HOOK_MESSAGE_MAX]) {
    char text[256];
    int len = snprintf(text, sizeof text, "%zu request%s %s:", count, count == 1 ? "" : "s",
                       event == HOOK_WAITS ? (count == 1 ? "waits" : "wait")
                                           : (count == 1 ? "ends soon" : "end soon"));
    json_t *list = json_array();
    for (size_t i = 0; i < count && i < HOOK_CODES; i++) {
        len += snprintf(text + len, sizeof text - (size_t)len, "%s %s", i > 0 ? "," : "", codes[i]);
        (void)json_array_append_new(list, json_string(codes[i]));
    }
    if (count > HOOK_CODES) {
        (void)snprintf(text + len, sizeof text - (size_t)len, " and %zu more", count - HOOK_CODES);
    }
    json_t *whole = json_pack("{s:s, s:I, s:o, s:s}", "event", event_words[event], "count",
                              (json_int_t)count, "codes", list, "text", text);
    char *json = whole == NULL ? NULL : json_dumps(whole, JSON_COMPACT);
    int size = json == NULL ? 0 : snprintf(out, HOOK_MESSAGE_MAX, "%s\n%s\n", text, json);
    free(json);
    json_decref(whole);
    return size > 0 && size < HOOK_MESSAGE_MAX ? (size_t)size : 0;
}

/* ---- the child ---- */

static void serve(int socket, const void *with) {
    char message[HOOK_MESSAGE_MAX];
    ssize_t len = 0;
    while ((len = recv(socket, message, sizeof message, 0)) > 0) {
        int status = run(with, (struct bytes){(const uint8_t *)message, (size_t)len});
        if (send(socket, &status, sizeof status, MSG_NOSIGNAL) != sizeof status) {
            return;
        }
    }
}

static int run(char *const *words, struct bytes message) {
    pid_t child = fork();
    if (child == 0) {
        become(words, message);
    }
    return child < 0 ? CANNOT_RUN : wait_for(child);
}

static _Noreturn void become(char *const *words, struct bytes message) {
    char text[HOOK_MESSAGE_MAX];
    char *line[WORDS_MAX + 2] = {NULL};
    const uint8_t *end = memchr(message.at, '\n', message.len);
    size_t count = 0;
    int in = memfd_create("notice", MFD_CLOEXEC);
    size_t rest = end == NULL ? message.len : (size_t)(end - message.at) + 1;
    (void)snprintf(text, sizeof text, "%.*s", (int)rest - 1, (const char *)message.at);
    while (count < WORDS_MAX && words[count] != NULL) {
        line[count] = words[count];
        count++;
    }
    line[count] = text;
    (void)setsid(); /* so that whatever it starts can be ended with it */
    (void)signal(SIGINT, SIG_DFL);
    bool good = in >= 0 &&
                write(in, message.at + rest, message.len - rest) == (ssize_t)(message.len - rest) &&
                lseek(in, 0, SEEK_SET) == 0 && dup2(in, STDIN_FILENO) >= 0 &&
                dup2(STDERR_FILENO, STDOUT_FILENO) >= 0; /* stdout may be somebody's JSON */
    if (good) {
        (void)execvp(line[0], line);
    }
    _exit(CANNOT_RUN);
}

static int wait_for(pid_t child) {
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};
    int status = 0;
    for (int waited = 0; waitpid(child, &status, WNOHANG) == 0; waited += LOOK_MS) {
        if (waited >= HOOK_WALL_S * 1000) {
            (void)kill(-child, SIGKILL);
            (void)waitpid(child, &status, 0);
            return TOO_LONG;
        }
        (void)nanosleep(&pause, NULL);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : BY_SIGNAL + WTERMSIG(status);
}

/* ---- what was told ---- */

static const char first_line[] = "stoop notified v1";

int notified_open(const struct cli *cli, struct notified *out) {
    char path[PATH_MAX];
    SCOPED(buffer_finish)
    struct buffer file = {.max = (size_t)(NOTIFIED_MAX + 1) * NOTIFIED_LINE_MAX};
    memset(out, 0, sizeof *out);
    path_of(cli, "notified.lock", path);
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK
                   ? fail(NULL, "another 'stoop requests --watch --notify' of this owner runs")
                   : fail(NULL, "cannot open '%s': %s", path, strerror(errno));
    }
    path_of(cli, "notified", path);
    if (access(path, F_OK) != 0) {
        return 0;
    }
    int failed = file_read(path, file.max, false, &file);
    return failed == 0 && notified_read(buffer_bytes(&file), out) != ERR_OK
               ? fail("remove it; what waits is then told once more", "'%s' is damaged", path)
               : failed;
}

enum err notified_read(struct bytes file, struct notified *out) {
    size_t lines = 0;
    memset(out, 0, sizeof *out);
    for (size_t at = 0; at < file.len;) {
        char text[NOTIFIED_LINE_MAX];
        const uint8_t *end = memchr(file.at + at, '\n', file.len - at);
        size_t len = end == NULL ? file.len - at : (size_t)(end - file.at) - at;
        if (end == NULL || len >= sizeof text || memchr(file.at + at, '\0', len) != NULL) {
            return ERR_USER_SYNTAX;
        }
        memcpy(text, file.at + at, len);
        text[len] = '\0';
        bool good = lines == 0 ? strcmp(text, first_line) == 0 : read_line(text, out) == ERR_OK;
        if (!good) {
            return ERR_USER_SYNTAX;
        }
        lines++;
        at += len + 1;
    }
    return lines == 0 ? ERR_USER_SYNTAX : ERR_OK;
}

static enum err read_line(char *line, struct notified *out) {
    struct notified_line one = {.event = HOOK_WAITS};
    const char *word = strsep(&line, " ");
    const char *request = strsep(&line, " ");
    bool known = false;
    for (size_t i = 0; i < COUNT_OF(event_words); i++) {
        if (strcmp(word, event_words[i]) == 0) {
            one.event = (enum hook_event)i;
            known = true;
        }
    }
    if (!known || request == NULL || line == NULL || out->count == NOTIFIED_MAX ||
        hex_read(request, one.request.b, sizeof one.request.b) != ERR_OK) {
        return ERR_USER_SYNTAX;
    }
    size_t digits = strspn(line, "0123456789");
    if (digits == 0 || digits > 12 || line[digits] != '\0') {
        return ERR_USER_SYNTAX;
    }
    one.expires.ms = strtoll(line, NULL, 10) * DURATION_SECOND_MS;
    out->list[out->count++] = one;
    return ERR_OK;
}

bool notified_has(const struct notified *notified, enum hook_event event,
                  const struct id *request) {
    for (size_t i = 0; i < notified->count; i++) {
        if (notified->list[i].event == event && id_equal(&notified->list[i].request, request)) {
            return true;
        }
    }
    return false;
}

void notified_add(struct notified *notified, enum hook_event event, const struct id *request,
                  struct instant expires) {
    if (notified->count == NOTIFIED_MAX) {
        notified->count--;
        memmove(&notified->list[0], &notified->list[1], notified->count * sizeof notified->list[0]);
    }
    notified->list[notified->count++] = (struct notified_line){event, *request, expires};
}

int notified_save(const struct cli *cli, struct notified *notified, struct instant now) {
    char path[PATH_MAX];
    char line[NOTIFIED_LINE_MAX];
    size_t kept = 0;
    SCOPED(buffer_finish)
    struct buffer text = {.max = (size_t)(NOTIFIED_MAX + 1) * NOTIFIED_LINE_MAX};
    (void)snprintf(line, sizeof line, "%s\n", first_line);
    enum err err = buffer_append(&text, BYTES_TEXT(line));
    for (size_t i = 0; i < notified->count; i++) {
        if (!instant_reached(now, notified->list[i].expires)) {
            notified->list[kept++] = notified->list[i];
        }
    }
    notified->count = kept;
    for (size_t i = 0; err == ERR_OK && i < kept; i++) {
        const struct notified_line *one = &notified->list[i];
        char request[2 * sizeof one->request.b + 1];
        hex_write(BYTES_OF(one->request.b), request);
        (void)snprintf(line, sizeof line, "%s %s %" PRId64 "\n", event_words[one->event], request,
                       one->expires.ms / DURATION_SECOND_MS + 1);
        err = buffer_append(&text, BYTES_TEXT(line));
    }
    path_of(cli, "notified", path);
    return err == ERR_OK ? file_write(path, buffer_bytes(&text), 0600, false)
                         : fail(NULL, "out of memory");
}

/* One for each community: they are watched at once. */
static void path_of(const struct cli *cli, const char *name, char out[PATH_MAX]) {
    bool first = strcmp(place_of(cli), SLUG_FIRST) == 0;
    (void)snprintf(out, PATH_MAX, "%.*s/%s%s%s", PATH_MAX - 64, cli->owner_dir, name,
                   first ? "" : "-", first ? "" : place_of(cli));
}
