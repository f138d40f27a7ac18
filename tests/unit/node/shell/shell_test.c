/* The shell alone, at real sockets: core here is a script, whose turns and events are looked at.
 * Everything that core.h declares and the shell calls is defined below, so the real core stays out
 * of this program. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <fcntl.h>

#include "node/shell/shell.h"
#include "tests/support/check.h"

enum {
    EFFECTS_MAX = 16,
    TICK_MS = 20,
    TICKS_MAX = 250, /* five seconds: what was to come has not */
    REPLY_BYTES = 1024 * 1024,
};

#define TOO_MUCH (SIZE_MAX / 4) /* that no malloc gives */

struct core {
    bool in_turn;
    size_t effect_count;
    struct core_effect effects[EFFECTS_MAX]; /* borrowed by the shell until the next turn begins */
    void (*script)(struct core *core, const struct core_event *event);
    const char *folder;
    int peer; /* the other end of the one inbound link, or of ingest; -1: none */
    uint64_t link;
    size_t ticks;
    size_t heard[CORE_EV_TICK + 1];
    size_t clients_at_once;
    bool closed_some;
    size_t client_count;
    int clients[64];
};

struct rig {
    char folder[64];
    char siblings[96];
    struct shell *shell;
    struct core core;
};

static uint8_t much[REPLY_BYTES];

/* ASan would end the process where malloc answers NULL. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "allocator_may_return_null=1";
}

/* ---- the scripted core ---- */

enum err core_turn_begin(struct core *core) {
    CHECK(!core->in_turn);
    core->in_turn = true;
    core->effect_count = 0;
    return ERR_OK;
}

static void make(struct core *core, const struct core_effect *effect) {
    CHECK(core->in_turn);
    CHECK(core->effect_count < EFFECTS_MAX);
    core->effects[core->effect_count++] = *effect;
}

static void end(struct core *core) {
    (void)core;
    CHECK(raise(SIGTERM) == 0);
}

enum err core_step(struct core *core, const struct core_event *event, struct now now) {
    (void)now;
    CHECK(core->in_turn);
    core->heard[event->kind]++;
    if (event->kind == CORE_EV_LINK_IN) {
        core->link = event->link;
    }
    core->script(core, event);
    if (event->kind == CORE_EV_TICK && ++core->ticks == TICKS_MAX) {
        end(core);
    }
    return ERR_OK;
}

bool core_turn_has_room(const struct core *core) {
    return core->effect_count < EFFECTS_MAX / 2;
}

bool core_link_has_room(const struct core *core, uint64_t link) {
    (void)core;
    (void)link;
    return true;
}

enum err core_turn_end(struct core *core, struct core_effects *out) {
    CHECK(core->in_turn);
    core->in_turn = false;
    *out = (struct core_effects){core->effect_count, core->effects};
    return ERR_OK;
}

struct tick core_deadline(const struct core *core, struct now now) {
    (void)core;
    return tick_add(now.mono, (struct duration){TICK_MS});
}

void core_work_do(struct core_work *work) {
    (void)work;
}

/* ---- the rig ---- */

static struct rig *rig_create(void (*script)(struct core *core, const struct core_event *event),
                              int ingest) {
    struct rig *rig = calloc(1, sizeof *rig);
    char path[128];
    char why[CORE_JOURNAL_MAX];
    assert_non_null(rig);
    (void)snprintf(rig->folder, sizeof rig->folder, "/tmp/stoop-shell-XXXXXX");
    CHECK(mkdtemp(rig->folder) != NULL);
    (void)snprintf(path, sizeof path, "%s/vault", rig->folder);
    CHECK(mkdir(path, 0700) == 0);
    (void)snprintf(path, sizeof path, "%s/node", rig->folder);
    CHECK(mkdir(path, 0700) == 0);
    (void)snprintf(rig->siblings, sizeof rig->siblings, "%s/siblings", rig->folder);
    FILE *file = fopen(rig->siblings, "w");
    CHECK(file != NULL && fputs("one of them", file) >= 0 && fclose(file) == 0);
    struct shell_config config = {.home = rig->folder,
                                  .listen = "127.0.0.1:0",
                                  .ingest_fd = ingest,
                                  .supervise_fd = -1,
                                  .siblings = rig->siblings};
    CHECK_ERR(ERR_OK, shell_create(&config, &rig->shell, why));
    rig->core.script = script;
    rig->core.folder = rig->folder;
    rig->core.peer = -1;
    return rig;
}

static void rig_destroy(struct rig *rig) {
    char command[128];
    shell_destroy(rig->shell);
    for (size_t i = 0; i < rig->core.client_count; i++) {
        (void)close(rig->core.clients[i]);
    }
    if (rig->core.peer >= 0) {
        (void)close(rig->core.peer);
    }
    (void)snprintf(command, sizeof command, "rm -r %s", rig->folder);
    CHECK(system(command) == 0); /* NOLINT(cert-env33-c): a folder of our own */
    free(rig);
}

/* Stands in the listener's queue until the shell runs. */
static void connect_client(struct core *core) {
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    (void)snprintf(where.sun_path, sizeof where.sun_path, "%s/control.sock", core->folder);
    int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(socket_fd >= 0);
    CHECK(connect(socket_fd, (const struct sockaddr *)&where, sizeof where) == 0);
    CHECK(write(socket_fd, "\0\0\0\1?", 5) == 5);
    core->clients[core->client_count++] = socket_fd;
}

static void connect_link(struct rig *rig) {
    char address[ADDRESS_MAX_BYTES];
    unsigned port = 0;
    shell_bound_address(rig->shell, address);
    CHECK(sscanf(address, "127.0.0.1:%u", &port) == 1); /* NOLINT(cert-err34-c) */
    struct sockaddr_in where = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
    rig->core.peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(rig->core.peer >= 0);
    CHECK(connect(rig->core.peer, (const struct sockaddr *)&where, sizeof where) == 0);
}

/* What the first client got, frame after frame, as one text. */
static void client_heard(const struct rig *rig, char *out, size_t room) {
    size_t len = 0;
    ssize_t got = 0;
    while (len < room - 1 &&
           (got = recv(rig->core.clients[0], out + len, room - 1 - len, MSG_DONTWAIT)) > 0) {
        len += (size_t)got;
    }
    size_t to = 0;
    for (size_t at = 0; at + 5 <= len; at += 5) { /* each holds one letter */
        out[to++] = out[at + 4];
    }
    out[to] = '\0';
}

/* ---- an endpoint that ends while effects are released ---- */

static void reply(struct core *core, uint64_t client, const char *letter) {
    make(core, &(struct core_effect){
                   .kind = CORE_DO_REPLY, .link = client, .data = {(const uint8_t *)letter, 1}});
}

/* The turn of the client's frame ends a link by its first effect, which `fails` makes; the turn
 * that hears of it makes effects of its own, in the same array. */
static uint64_t client;
static void (*fails)(struct core *core);

static void ends_while_released(struct core *core, const struct core_event *event) {
    if (event->kind == CORE_EV_CLIENT_FRAME) {
        client = event->link;
        fails(core);
        reply(core, client, "a");
        reply(core, client, "b");
    } else if (event->kind == CORE_EV_LINK_DOWN) {
        reply(core, client, "x");
        reply(core, client, "y");
        reply(core, client, "z");
    } else if (event->kind == CORE_EV_TICK && core->heard[CORE_EV_LINK_DOWN] > 0) {
        end(core);
    }
}

static void dials_no_network(struct core *core) {
    struct core_effect dial = {.kind = CORE_DO_DIAL, .link = 2};
    (void)snprintf(dial.address, sizeof dial.address,
                   "224.0.0.1:9"); /* connect() says so at once */
    make(core, &dial);
}

static void sends_to_a_reset_link(struct core *core) {
    struct linger at_once = {.l_onoff = 1};
    CHECK(setsockopt(core->peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    CHECK(close(core->peer) == 0);
    core->peer = -1;
    make(core, &(struct core_effect){
                   .kind = CORE_DO_SEND, .link = core->link, .data = BYTES_TEXT("footage")});
}

static void sends_a_file_that_is_gone(struct core *core) {
    make(core,
         &(struct core_effect){.kind = CORE_DO_SEND_FILE, .link = core->link, .length = 4096});
}

static void no_turn_begins_before_the_last_is_released(void (*trigger)(struct core *core)) {
    char heard[64];
    fails = trigger;
    struct rig *rig = rig_create(ends_while_released, -1);
    connect_link(rig);
    connect_client(&rig->core);
    CHECK_ERR(ERR_OK, shell_run(rig->shell, &rig->core));
    client_heard(rig, heard, sizeof heard);
    assert_string_equal(heard, "abxyz");
    assert_int_equal(rig->core.heard[CORE_EV_LINK_DOWN], 1);
    rig_destroy(rig);
}

static void test_a_dial_that_fails_at_once_waits_for_the_next_turn(void **state) {
    (void)state;
    no_turn_begins_before_the_last_is_released(dials_no_network);
}

static void test_a_link_that_is_reset_waits_for_the_next_turn(void **state) {
    (void)state;
    no_turn_begins_before_the_last_is_released(sends_to_a_reset_link);
}

static void test_a_vault_file_that_is_gone_waits_for_the_next_turn(void **state) {
    (void)state;
    no_turn_begins_before_the_last_is_released(sends_a_file_that_is_gone);
}

/* ---- an endpoint that the shell gives up ---- */

static void answers_too_much(struct core *core, const struct core_event *event) {
    if (event->kind == CORE_EV_CLIENT_FRAME) {
        for (size_t i = 0; i < 8; i++) {
            make(core, &(struct core_effect){.kind = CORE_DO_REPLY,
                                             .link = event->link,
                                             .data = {much, sizeof much}});
        }
    } else if (event->kind == CORE_EV_CLIENT_DOWN) {
        end(core);
    }
}

static void test_core_hears_that_a_client_which_reads_nothing_was_given_up(void **state) {
    (void)state;
    struct rig *rig = rig_create(answers_too_much, -1);
    connect_client(&rig->core);
    CHECK_ERR(ERR_OK, shell_run(rig->shell, &rig->core));
    assert_int_equal(rig->core.heard[CORE_EV_CLIENT_DOWN], 1);
    rig_destroy(rig);
}

static void asks_ingest_too_much(struct core *core, const struct core_event *event) {
    if (event->kind == CORE_EV_INGEST_UP) {
        make(core, &(struct core_effect){.kind = CORE_DO_INGEST, .data = {much, TOO_MUCH}});
    } else if (event->kind == CORE_EV_TICK) {
        make(core, &(struct core_effect){.kind = CORE_DO_INGEST, .data = BYTES_TEXT("?")});
        if (core->ticks == 5) {
            end(core);
        }
    }
}

static void test_without_memory_for_a_frame_ingest_is_down_and_core_hears_it(void **state) {
    (void)state;
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    struct rig *rig = rig_create(asks_ingest_too_much, ends[0]);
    rig->core.peer = ends[1];
    CHECK_ERR(ERR_OK, shell_run(rig->shell, &rig->core));
    assert_int_equal(rig->core.heard[CORE_EV_INGEST_DOWN], 1);
    rig_destroy(rig);
}

/* ---- many clients ---- */

static void counts_clients(struct core *core, const struct core_event *event) {
    size_t at_once = core->heard[CORE_EV_CLIENT_IN] - core->heard[CORE_EV_CLIENT_DOWN];
    core->clients_at_once = at_once > core->clients_at_once ? at_once : core->clients_at_once;
    if (event->kind == CORE_EV_TICK &&
        core->ticks == 5) { /* at once they would not fit the queue */
        for (size_t i = 0; i < CORE_CLIENTS_MAX / 2; i++) {
            connect_client(core);
        }
    }
    if (event->kind != CORE_EV_TICK || core->ticks < 10) {
        return;
    }
    if (!core->closed_some) { /* half of those that are in leave */
        assert_int_equal(at_once, CORE_CLIENTS_MAX);
        core->closed_some = true;
        for (size_t i = 0; i < CORE_CLIENTS_MAX / 2; i++) {
            (void)shutdown(core->clients[i], SHUT_RDWR);
        }
    } else if (core->heard[CORE_EV_CLIENT_FRAME] == core->client_count) {
        end(core);
    }
}

static void test_clients_beyond_the_bound_wait_until_others_leave(void **state) {
    (void)state;
    struct rig *rig = rig_create(counts_clients, -1);
    for (size_t i = 0; i < CORE_CLIENTS_MAX; i++) {
        connect_client(&rig->core);
    }
    CHECK_ERR(ERR_OK, shell_run(rig->shell, &rig->core));
    assert_int_equal(rig->core.clients_at_once, CORE_CLIENTS_MAX);
    assert_int_equal(rig->core.heard[CORE_EV_CLIENT_FRAME], rig->core.client_count);
    rig_destroy(rig);
}

/* ---- the file node/siblings ---- */

static void does_nothing(struct core *core, const struct core_event *event) {
    (void)core;
    (void)event;
}

static void write_siblings(const struct core *core, const char *text) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/siblings", core->folder);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    CHECK(fputs(text, file) >= 0);
    CHECK(fclose(file) == 0);
}

static void changes_the_file(struct core *core, const struct core_event *event) {
    if (event->kind == CORE_EV_TICK && core->ticks == 1) {
        write_siblings(core, "two");
    }
    if (event->kind == CORE_EV_SIBLINGS) {
        CHECK(bytes_equal(event->data, BYTES_TEXT("two")));
    }
}

static void test_core_is_told_once_what_a_changed_file_says(void **state) {
    (void)state;
    struct rig *rig = rig_create(changes_the_file, -1);
    connect_client(&rig->core); /* a person's command goes on meanwhile */
    CHECK_ERR(ERR_OK, shell_run(rig->shell, &rig->core));
    assert_int_equal(rig->core.ticks, TICKS_MAX);
    assert_int_equal(rig->core.heard[CORE_EV_SIBLINGS], 1);
    assert_int_equal(rig->core.heard[CORE_EV_CLIENT_DOWN], 0);
    rig_destroy(rig);
}

static void removes_the_file(struct core *core, const struct core_event *event) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/siblings", core->folder);
    if (event->kind == CORE_EV_TICK && core->ticks == 1) {
        CHECK(unlink(path) == 0);
    }
}

static void test_a_file_that_stays_or_goes_says_nothing(void **state) {
    (void)state;
    for (int goes = 0; goes < 2; goes++) {
        struct rig *rig = rig_create(goes == 1 ? removes_the_file : does_nothing, -1);
        CHECK_ERR(ERR_OK, shell_run(rig->shell, &rig->core));
        assert_int_equal(rig->core.ticks, TICKS_MAX);
        assert_int_equal(rig->core.heard[CORE_EV_SIBLINGS], 0);
        rig_destroy(rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_dial_that_fails_at_once_waits_for_the_next_turn),
        cmocka_unit_test(test_a_link_that_is_reset_waits_for_the_next_turn),
        cmocka_unit_test(test_a_vault_file_that_is_gone_waits_for_the_next_turn),
        cmocka_unit_test(test_core_hears_that_a_client_which_reads_nothing_was_given_up),
        cmocka_unit_test(test_without_memory_for_a_frame_ingest_is_down_and_core_hears_it),
        cmocka_unit_test(test_clients_beyond_the_bound_wait_until_others_leave),
        cmocka_unit_test(test_core_is_told_once_what_a_changed_file_says),
        cmocka_unit_test(test_a_file_that_stays_or_goes_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
