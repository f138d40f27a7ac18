/* Life and turns: the loop runs, each pass of it is one turn of core, and what a turn gave is
 * released when it has been committed. Here too is what watches over all: signals, the supervisor
 * and ingest. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/base/assert.h"
#include "node/shell/parts.h"

enum {
    WATCH_MS = 3 * 1000,
};

/* Work that core wants done on the pool. */
struct job {
    uv_work_t work;
    struct shell *shell;
    struct core_work *of;
};

static void turn_end(struct shell *shell);
static void release(struct shell *shell, const struct core_effect *effect);
static void start_job(struct shell *shell, struct core_work *work);
static void tell_drained(struct shell *shell);
static void set_timer(struct shell *shell);

static void ingest_start(struct shell *shell, struct endpoint *endpoint);
static void on_supervisor(uv_stream_t *stream, ssize_t len, const uv_buf_t *buffer);

static void on_job(uv_work_t *work);
static void on_job_done(uv_work_t *work, int status);
static void on_timer(uv_timer_t *timer);
static void on_prepare(uv_prepare_t *prepare);
static void on_check(uv_check_t *check);
static void on_signal(uv_signal_t *signal, int number);
static void on_watch(uv_timer_t *timer);
static struct seen_file look_at(const char *path);
static void close_any(uv_handle_t *handle, void *context);

enum err shell_create(const struct shell_config *config, struct shell **out,
                      char why[CORE_JOURNAL_MAX]) {
    struct shell *shell = calloc(1, sizeof *shell);
    if (shell == NULL) {
        return ERR_HOST_MEMORY;
    }
    if (uv_loop_init(&shell->loop) != 0) {
        free(shell);
        return ERR_HOST_MEMORY;
    }
    shell->next_number = 1;
    (void)uv_timer_init(&shell->loop, &shell->timer);
    (void)uv_timer_init(&shell->loop, &shell->watch);
    (void)uv_prepare_init(&shell->loop, &shell->prepare);
    (void)uv_check_init(&shell->loop, &shell->check);
    (void)uv_signal_init(&shell->loop, &shell->sigterm);
    (void)uv_signal_init(&shell->loop, &shell->sigint);
    shell->timer.data = shell;
    shell->watch.data = shell;
    shell->prepare.data = shell;
    shell->check.data = shell;
    shell->sigterm.data = shell;
    shell->sigint.data = shell;

    shell->siblings = config->siblings;
    shell->siblings_as = look_at(config->siblings);
    (void)snprintf(why, CORE_JOURNAL_MAX, "%s", config->home);
    enum err err = disk_start(&shell->disk, config->home);
    if (err == ERR_OK) {
        err = sockets_listen(shell, config->listen, why);
    }
    if (err == ERR_OK) {
        err = sockets_listen_control(shell, config->home, why);
    }
    if (err == ERR_OK && config->supervise_fd >= 0) {
        shell->supervisor = endpoint_new(shell, ENDPOINT_SUPERVISOR, 0);
        err = shell->supervisor == NULL ||
                      uv_pipe_open(&shell->supervisor->uv.pipe, config->supervise_fd) != 0
                  ? ERR_HOST_NETWORK
                  : ERR_OK;
    }
    if (err == ERR_OK && config->ingest_fd >= 0) {
        struct endpoint *ingest = endpoint_new(shell, ENDPOINT_INGEST, 0);
        err = ingest == NULL || uv_pipe_open(&ingest->uv.pipe, config->ingest_fd) != 0
                  ? ERR_HOST_NETWORK
                  : ERR_OK;
        shell->ingest = ingest;
    }
    if (err != ERR_OK) {
        shell_destroy(shell);
        return err;
    }
    *out = shell;
    return ERR_OK;
}

void shell_destroy(struct shell *shell) {
    if (shell == NULL) {
        return;
    }
    shell->core = NULL;
    uv_walk(&shell->loop, close_any, shell);
    (void)uv_run(&shell->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&shell->loop);
    disk_finish(&shell->disk);
    free(shell);
}

void shell_bound_address(const struct shell *shell, char out[ADDRESS_MAX_BYTES]) {
    struct sockaddr_storage bound;
    int len = sizeof bound;
    char host[INET6_ADDRSTRLEN] = "";
    (void)uv_tcp_getsockname(&shell->listener, (struct sockaddr *)&bound, &len);
    if (bound.ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&bound;
        (void)uv_ip6_name(six, host, sizeof host);
        (void)snprintf(out, ADDRESS_MAX_BYTES, "[%s]:%u", host, (unsigned)ntohs(six->sin6_port));
    } else {
        const struct sockaddr_in *four = (const struct sockaddr_in *)&bound;
        (void)uv_ip4_name(four, host, sizeof host);
        (void)snprintf(out, ADDRESS_MAX_BYTES, "%s:%u", host, (unsigned)ntohs(four->sin_port));
    }
}

struct core_disk shell_disk(struct shell *shell) {
    return disk_calls(&shell->disk);
}

enum err shell_run(struct shell *shell, struct core *core) {
    shell->core = core;
    (void)uv_prepare_start(&shell->prepare, on_prepare);
    (void)uv_check_start(&shell->check, on_check);
    (void)uv_signal_start(&shell->sigterm, on_signal, SIGTERM);
    (void)uv_signal_start(&shell->sigint, on_signal, SIGINT);
    if (shell->siblings != NULL) {
        (void)uv_timer_start(&shell->watch, on_watch, WATCH_MS, WATCH_MS);
    }
    if (shell->supervisor != NULL) {
        shell->supervisor->up = true;
        (void)uv_read_start(&shell->supervisor->uv.stream, endpoint_on_alloc, on_supervisor);
        endpoint_send(shell->supervisor, BYTES_TEXT("R"), false);
    }
    if (shell->ingest != NULL) {
        ingest_start(shell, shell->ingest);
    }
    shell_step(shell, &(struct core_event){.kind = CORE_EV_TICK});
    (void)uv_run(&shell->loop, UV_RUN_DEFAULT);
    while (shell->jobs > 0) {
        (void)uv_run(&shell->loop, UV_RUN_ONCE);
    }
    return shell->failed;
}

struct now shell_now(void) {
    struct timespec wall;
    struct timespec mono;
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    (void)clock_gettime(CLOCK_BOOTTIME, &mono); /* a night's suspend counts */
    return (struct now){.wall = {(int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000},
                        .mono = {(int64_t)mono.tv_sec * 1000 + mono.tv_nsec / 1000000}};
}

/* ---- turns ---- */

void shell_step(struct shell *shell, const struct core_event *event) {
    ASSERT(!shell->releasing);
    if (shell->core == NULL || shell->stopping) {
        return;
    }
    if (shell->in_turn && !core_turn_has_room(shell->core)) {
        turn_end(shell);
    }
    enum err err = ERR_OK;
    if (!shell->in_turn) {
        err = core_turn_begin(shell->core);
        shell->in_turn = err == ERR_OK;
    }
    if (err == ERR_OK) {
        err = core_step(shell->core, event, shell_now());
    }
    if (err != ERR_OK) {
        shell_stop(shell, err);
    }
}

static void turn_end(struct shell *shell) {
    if (!shell->in_turn || shell->stopping) {
        return;
    }
    struct core_effects effects = {0};
    shell->in_turn = false;
    enum err err = core_turn_end(shell->core, &effects);
    if (err != ERR_OK) {
        shell_stop(shell, err);
        return;
    }
    shell->releasing = true;
    for (size_t i = 0; i < effects.count; i++) {
        release(shell, &effects.list[i]);
    }
    shell->releasing = false;
}

static void release(struct shell *shell, const struct core_effect *effect) {
    struct endpoint *endpoint = NULL;
    switch (effect->kind) {
    case CORE_DO_DIAL:
        sockets_dial(shell, effect);
        break;
    case CORE_DO_SEND:
        endpoint = endpoint_find(shell, ENDPOINT_LINK, effect->link);
        if (endpoint != NULL) {
            endpoint_send(endpoint, effect->data, false);
        }
        break;
    case CORE_DO_SEND_FILE:
        endpoint = endpoint_find(shell, ENDPOINT_LINK, effect->link);
        if (endpoint != NULL) {
            endpoint_send_file(endpoint, effect);
        }
        break;
    case CORE_DO_CLOSE:
        endpoint = endpoint_find(shell, ENDPOINT_LINK, effect->link);
        if (endpoint != NULL) {
            endpoint_leave(endpoint);
        }
        break;
    case CORE_DO_REPLY:
        endpoint = endpoint_find(shell, ENDPOINT_CLIENT, effect->link);
        if (endpoint != NULL) {
            endpoint_send(endpoint, effect->data, true);
        }
        break;
    case CORE_DO_CLOSE_CLIENT:
        endpoint = endpoint_find(shell, ENDPOINT_CLIENT, effect->link);
        if (endpoint != NULL) {
            endpoint_leave(endpoint);
        }
        break;
    case CORE_DO_INGEST:
        if (shell->ingest != NULL && !shell->ingest->closing) {
            endpoint_send(shell->ingest, effect->data, true);
        }
        break;
    case CORE_DO_WORK:
        start_job(shell, effect->work);
        break;
    case CORE_DO_JOURNAL:
        (void)fprintf(stderr, "%.*s\n", (int)effect->data.len, (const char *)effect->data.at);
        break;
    }
}

static void start_job(struct shell *shell, struct core_work *work) {
    struct job *job = calloc(1, sizeof *job);
    if (job != NULL) {
        job->work.data = job;
        job->shell = shell;
        job->of = work;
        if (uv_queue_work(&shell->loop, &job->work, on_job, on_job_done) == 0) {
            shell->jobs++;
            return;
        }
    }
    free(job);
    shell_stop(shell, ERR_HOST_MEMORY);
}

static void tell_drained(struct shell *shell) {
    for (struct endpoint *e = shell->endpoints; e != NULL; e = e->next) {
        if (e->told_drained || e->closing || e->leaving || e->first != NULL) {
            continue;
        }
        e->told_drained = true;
        if (e->kind == ENDPOINT_LINK || e->kind == ENDPOINT_CLIENT) {
            shell_step(shell, &(struct core_event){.kind = e->kind == ENDPOINT_LINK
                                                               ? CORE_EV_LINK_DRAINED
                                                               : CORE_EV_CLIENT_DRAINED,
                                                   .link = e->number});
        }
    }
}

static void set_timer(struct shell *shell) {
    struct now now = shell_now();
    struct tick due = core_deadline(shell->core, now);
    for (const struct endpoint *e = shell->endpoints; e != NULL; e = e->next) {
        if (e->leaving && !e->closing) {
            due = tick_earliest(due, (struct tick){(int64_t)e->leave_by});
        } else if (!e->told_drained && e->first == NULL && !e->closing) {
            due = now.mono; /* its event belongs to the next turn, without waiting */
        }
    }
    if (due.ms == TICK_NEVER.ms) {
        (void)uv_timer_stop(&shell->timer);
        return;
    }
    int64_t wait = due.ms - now.mono.ms;
    uv_update_time(&shell->loop);
    (void)uv_timer_start(&shell->timer, on_timer, wait > 0 ? (uint64_t)wait : 0, 0);
}

void shell_stop(struct shell *shell, enum err err) {
    shell->stopping = true;
    shell->failed = err;
    uv_stop(&shell->loop);
}

/* ---- the supervisor and ingest ---- */

static void ingest_start(struct shell *shell, struct endpoint *endpoint) {
    shell->ingest = endpoint;
    endpoint_start_reading(endpoint);
    shell_step(shell, &(struct core_event){.kind = CORE_EV_INGEST_UP});
}

/* The supervisor sends a byte with a descriptor: ingest was started anew. */
static void on_supervisor(uv_stream_t *stream, ssize_t len, const uv_buf_t *buffer) {
    (void)buffer;
    struct endpoint *supervisor = stream->data;
    struct shell *shell = supervisor->shell;
    if (len < 0) {
        endpoint_down(supervisor);
        return;
    }
    while (uv_pipe_pending_count(&supervisor->uv.pipe) > 0) {
        struct endpoint *ingest = endpoint_new(shell, ENDPOINT_INGEST, 0);
        if (ingest == NULL || uv_accept(stream, &ingest->uv.stream) != 0) {
            shell_stop(shell, ERR_HOST_NETWORK);
            return;
        }
        if (shell->ingest != NULL) {
            endpoint_down(shell->ingest);
            endpoint_tell_down(shell->ingest); /* before core hears of the new one */
        }
        ingest_start(shell, ingest);
    }
}

/* ---- callbacks ---- */

static void on_job(uv_work_t *work) {
    core_work_do(((struct job *)work->data)->of);
}

static void on_job_done(uv_work_t *work, int status) {
    (void)status;
    struct job *job = work->data;
    struct shell *shell = job->shell;
    struct core_event event = {.kind = CORE_EV_WORKED, .work = job->of};
    shell->jobs--;
    free(job);
    shell_step(shell, &event);
}

static void on_timer(uv_timer_t *timer) {
    struct shell *shell = timer->data;
    uint64_t now = (uint64_t)shell_now().mono.ms;
    for (struct endpoint *e = shell->endpoints; e != NULL; e = e->next) {
        if (e->leaving && !e->closing && now >= e->leave_by) {
            endpoint_close(e);
        }
    }
    shell_step(shell, &(struct core_event){.kind = CORE_EV_TICK});
}

static void on_prepare(uv_prepare_t *prepare) {
    struct shell *shell = prepare->data;
    shell->accepted = 0;
    if (shell->accept_waits) {
        shell->accept_waits = false;
        sockets_accept_link(shell);
    }
    if (shell->client_waits) {
        shell->client_waits = false;
        sockets_accept_client(shell);
    }
    turn_end(shell);
    tell_drained(shell); /* what a turn sent may have gone at once; its event belongs to the next */
    turn_end(shell);
    if (!shell->stopping) {
        endpoint_read_on(shell);
        set_timer(shell);
    }
}

static void on_check(uv_check_t *check) {
    turn_end(check->data);
}

static void on_signal(uv_signal_t *signal, int number) {
    (void)number;
    struct shell *shell = signal->data;
    turn_end(shell);
    shell_stop(shell, shell->failed);
}

/* `stoop` has written it. One that cannot be read now is as if it said nothing new. */
static void on_watch(uv_timer_t *timer) {
    struct shell *shell = timer->data;
    uint8_t data[SIBLINGS_FILE_MAX];
    const struct seen_file now = look_at(shell->siblings);
    const struct seen_file *before = &shell->siblings_as;
    if (now.inode == before->inode && now.size == before->size &&
        now.changed.tv_sec == before->changed.tv_sec &&
        now.changed.tv_nsec == before->changed.tv_nsec) {
        return;
    }
    shell->siblings_as = now;
    int fd = open(shell->siblings, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t got = fd < 0 ? -1 : read(fd, data, sizeof data);
    if (fd >= 0) {
        (void)close(fd);
    }
    if (got >= 0) {
        shell_step(shell,
                   &(struct core_event){.kind = CORE_EV_SIBLINGS, .data = {data, (size_t)got}});
    }
}

static struct seen_file look_at(const char *path) {
    struct stat info;
    if (path == NULL || stat(path, &info) != 0) {
        return (struct seen_file){.size = 0};
    }
    return (struct seen_file){.inode = info.st_ino, .size = info.st_size, .changed = info.st_mtim};
}

static void close_any(uv_handle_t *handle, void *context) {
    struct shell *shell = context;
    if (uv_is_closing(handle)) {
        return;
    }
    if (handle->data == shell) { /* one of the shell's own */
        uv_close(handle, NULL);
    } else {
        endpoint_close(handle->data);
    }
}
