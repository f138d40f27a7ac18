/* `stoop review` at a terminal, against a node that may lie (P1, P3, PROTOCOL 5.4). The program is
 * run as it is built; nothing of it is linked here. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/fake_person.h"

enum {
    EXIT_PENDING = 3,
    EXIT_NO_TERMINAL = 5,
};

static struct fake_home fake;
static const char *const review[] = {"review", NULL};

static int review_with(const char *answer, struct buffer *shown) {
    const char *const answers[] = {answer, NULL};
    const struct fake_run run = {
        .arguments = review, .answers = answers, .passphrase = fake_passphrase};
    return fake_run(&fake, &run, shown);
}

/* What was typed, the exit code and what was shown, so that a failing row says which it is. */
static void tell(const char *what, int code, const struct buffer *shown) {
    print_message("%s: exit %d, %zu granted, %zu decided\n%.*s\n", what, code, fake.grants,
                  fake.decisions, (int)shown->len, (const char *)shown->at);
}

static void nothing_comes_of(const char *what, int code, int wanted, const struct buffer *shown) {
    if (code != wanted || fake.grants + fake.decisions != 0) {
        tell(what, code, shown);
    }
    assert_int_equal(fake.grants, 0);
    assert_int_equal(fake.decisions, 0);
    assert_int_equal(code, wanted);
}

/* The one way through, so that the refusals below mean something. */
static void test_the_code_and_two_passphrases_grant_this_clip_to_this_key(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    char answer[16];
    fake_home_lie(&fake, FAKE_HONEST);
    (void)snprintf(answer, sizeof answer, "%s\n", fake.code);
    int code = review_with(answer, &shown);
    if (code != 0 || fake.grants != 1) {
        tell(answer, code, &shown);
    }
    assert_int_equal(code, 0);
    assert_int_equal(fake.grants, 1);
    assert_int_equal(fake.decisions, 0);

    struct signed_object object;
    struct grant grant;
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&fake.grant), &object));
    CHECK_ERR(ERR_OK, grant_decode(object.body, &grant));
    CHECK_ERR(ERR_OK, grant_verify(&object, &grant));
    CHECK(id_equal(&grant.sha256, &fake.sha256));
    CHECK(id_equal(&grant.manifest, &fake.manifest_id));
    CHECK(id_equal(&grant.request, &fake.community.request_id));
    CHECK(id_equal(&grant.home, &fake.community.homes[SAMPLE_NEIGHBOUR].certificate));
    CHECK(box_public_equal(&grant.recipient, &fake.request.key));
    CHECK(grant.terms.delete_by.ms <= fake.request.terms.delete_by.ms);
    CHECK(grant.expires.ms <= fake.request.terms.delete_by.ms);

    struct age_file_key key;
    const struct box_secret *secret = &fake.community.request_secret;
    CHECK(age_header_open(buffer_bytes(&fake.granted_header), secret, &key));
    assert_memory_equal(key.b, fake.file_key.b, sizeof key.b);
    CHECK(!age_header_open(buffer_bytes(&fake.granted_header),
                           &fake.community.homes[SAMPLE_NEIGHBOUR].owner.box, &key));
    SCOPED(buffer_finish) struct buffer manifest = {.max = SIGNED_BODY_MAX + SIGNED_GOSSIP_MAX};
    CHECK(age_open_small(secret, buffer_bytes(&fake.granted_manifest), &manifest));
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&manifest), &object));
    CHECK(id_equal(&object.id, &fake.manifest_id));
}

static void test_the_code_counts_in_lower_case(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    char answer[16];
    fake_home_lie(&fake, FAKE_HONEST);
    (void)snprintf(answer, sizeof answer, "%s\n", fake.code);
    for (char *at = answer; *at != '\0'; at++) {
        *at |= *at >= 'A' && *at <= 'F' ? 0x20 : 0;
    }
    int code = review_with(answer, &shown);
    if (code != 0) {
        tell(answer, code, &shown);
    }
    assert_int_equal(code, 0);
    assert_int_equal(fake.grants, 1);
}

/* P3: all that is not the code is not an acceptance. "%s" stands for the code. */
static void test_nothing_else_accepts(void **state) {
    (void)state;
    fake_skip_unless_built();
    static const char *const lines[] = {
        "\x04",                                                              /* end of input */
        "\x03",                                                              /* Ctrl-C */
        "\n",                                                                /* empty */
        " \n",                                                               /* blank */
        "y\n",      "yes\n", "a\n",   "accept\n", "ok\n",   "z\n", "%.4s\n", /* half of it */
        "%.6s\n",                                           /* all but the last digit */
        "%s yes\n",                                         /* and more */
        "%s%s\n",   "0%s\n", "%s-\n", "l\n",      "%s\x04", /* the code, and no end of line: end of
                                                               input twice */
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        SCOPED(buffer_finish) struct buffer shown = {0};
        char answer[64];
        fake_home_lie(&fake, FAKE_HONEST);
        /* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral): from the table above */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(answer, sizeof answer, lines[i], fake.code, fake.code);
#pragma GCC diagnostic pop
        int code = review_with(answer, &shown);
        nothing_comes_of(answer, code, EXIT_PENDING, &shown);
    }
}

/* One digit off is another request's code. */
static void test_a_wrong_code_accepts_nothing(void **state) {
    (void)state;
    fake_skip_unless_built();
    for (size_t at = 0; at < 7; at++) {
        SCOPED(buffer_finish) struct buffer shown = {0};
        char answer[16];
        fake_home_lie(&fake, FAKE_HONEST);
        (void)snprintf(answer, sizeof answer, "%s\n", fake.code);
        answer[at] = answer[at] == '0' ? '1' : '0';
        int code = review_with(answer, &shown);
        nothing_comes_of(answer, code, EXIT_PENDING, &shown);
    }
}

/* What was typed before the question answers nothing. */
static void test_type_ahead_accepts_nothing(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    char ahead[128];
    fake_home_lie(&fake, FAKE_HONEST);
    (void)snprintf(ahead, sizeof ahead, "%s\n%s\n%s\n%s\n", fake_passphrase, fake.code,
                   fake_passphrase, fake.code);
    const struct fake_run run = {
        .arguments = review, .passphrase = fake_passphrase, .typed_ahead = ahead};
    int code = fake_run(&fake, &run, &shown);
    nothing_comes_of("typed ahead", code, EXIT_PENDING, &shown);
}

/* The passphrase is asked again to sign. */
static void test_a_wrong_second_passphrase_signs_nothing(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    char answer[16];
    fake_home_lie(&fake, FAKE_HONEST);
    (void)snprintf(answer, sizeof answer, "%s\n", fake.code);
    const char *const answers[] = {answer, NULL};
    const struct fake_run run = {.arguments = review,
                                 .answers = answers,
                                 .passphrase = fake_passphrase,
                                 .second_passphrase = "not the passphrase"};
    int code = fake_run(&fake, &run, &shown);
    if (code == 0 || fake.grants != 0) {
        tell("second passphrase", code, &shown);
    }
    assert_int_equal(fake.grants, 0);
    assert_int_equal(fake.decisions, 0);
    CHECK(code != 0);
}

static void test_without_a_terminal_nothing_is_asked_or_accepted(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    fake_home_lie(&fake, FAKE_HONEST);
    const struct fake_run run = {
        .arguments = review, .passphrase = fake_passphrase, .no_terminal = true};
    int code = fake_run(&fake, &run, &shown);
    nothing_comes_of("no terminal", code, EXIT_NO_TERMINAL, &shown);
}

/* P1: a break-in at the node finds walls. The owner types all that would accept an honest node's
 * clip; nothing may be signed, and no file key may leave, for what is not what was shown. */
static void test_a_lying_node_gets_no_grant(void **state) {
    (void)state;
    fake_skip_unless_built();
    static const char *const names[FAKE_LIES] = {
        [FAKE_HEADER_OF_ANOTHER_CLIP] = "header of another clip",
        [FAKE_PAYLOAD_OF_ANOTHER_CLIP] = "payload of another clip",
        [FAKE_PAYLOAD_ALTERED] = "payload altered",
        [FAKE_MANIFEST_BY_ANOTHER_KEY] = "manifest by another key",
        [FAKE_MANIFEST_OF_ANOTHER_REQUEST] = "manifest of another request",
        [FAKE_MANIFEST_OF_ANOTHER_CLIP] = "manifest of another clip",
        [FAKE_REQUEST_BY_A_STRANGER] = "request by a stranger",
        [FAKE_REQUEST_KEY_SWAPPED] = "request key swapped",
        [FAKE_CHAIN_WITHOUT_FOUNDER] = "chain without its founder",
        [FAKE_ANOTHER_COMMUNITY] = "another community",
        [FAKE_REQUEST_OVER_THE_CAP] = "request over the cap",
        [FAKE_DOCUMENT_ALTERED] = "document altered",
    };
    size_t granted = 0;
    for (int lie = FAKE_HONEST + 1; lie < FAKE_LIES; lie++) {
        SCOPED(buffer_finish) struct buffer shown = {0};
        char answer[16];
        fake_home_lie(&fake, (enum fake_lie)lie);
        (void)snprintf(answer, sizeof answer, "%s\n", fake.code);
        int code = review_with(answer, &shown);
        if (fake.grants != 0 || code == 0 || code == -1) {
            tell(names[lie], code, &shown);
            granted++;
        }
    }
    assert_int_equal(granted, 0);
}

/* What others wrote reaches the terminal only as visible text. */
static void test_the_screen_gets_no_escapes_of_others(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    fake_home_lie(&fake, FAKE_HONEST);
    (void)review_with("l\n", &shown);
    CHECK(fake_shows(&shown, fake.code));
    CHECK(fake_shows(&shown, "Riverside PD"));
    CHECK(fake_shows(&shown, "Hit and run, silver hatchback"));
    CHECK(fake_shows(&shown, "front-door"));
    CHECK(fake_shows(&shown, "document here"));
    CHECK(!fake_shows(&shown, "\xe2\x80\xae"));
    CHECK(!fake_shows(&shown, "\xe2\x80\x8b"));
    CHECK(!fake_shows(&shown, "valid warrant")); /* P4 */
}

/* What a document is goes by its bytes: one that is called something else is not handed out. */
static void test_a_document_of_another_type_is_said_and_not_written(void **state) {
    const char *const answers[] = {"w\n", "l\n", NULL};
    const struct fake_run run = {
        .arguments = review, .answers = answers, .passphrase = fake_passphrase};
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    SCOPED(buffer_finish) struct buffer honest = {0};
    fake_home_lie(&fake, FAKE_DOCUMENT_OF_ANOTHER_TYPE);
    (void)fake_run(&fake, &run, &shown);
    CHECK(fake_shows(&shown, "document is NOT of its type"));
    CHECK(fake_shows(&shown,
                     "not written: the request calls it application/pdf, and it is text/plain"));
    CHECK(!fake_shows(&shown, "written to"));
    fake_home_lie(&fake, FAKE_HONEST);
    (void)fake_run(&fake, &run, &honest);
    CHECK(fake_shows(&honest, "written to"));
}

/* Plain words on one small screen, the ground in the first line, a claim called one. */
static void test_the_prompt_fits_a_small_screen(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    char first[64];
    fake_home_lie(&fake, FAKE_HONEST);
    (void)review_with("l\n", &shown);
    (void)snprintf(first, sizeof first, "%s  claims ", fake.code);
    const char *at = memmem(shown.at, shown.len, first, strlen(first));
    const char *end = memmem(shown.at, shown.len, "[p]lay", 6);
    if (at == NULL || end == NULL) {
        tell("prompt", 0, &shown);
        fail_msg("no prompt was shown");
        return;
    }
    size_t lines = 0;
    size_t columns = 0;
    for (; at < end; at++) {
        columns += (*at & 0xc0) != 0x80 && *at != '\r' ? 1 : 0;
        if (*at == '\n') {
            lines++;
            CHECK(columns <= 81); /* the end of the line is one */
            columns = 0;
        }
    }
    CHECK(lines >= 12 && lines <= 20);
    static const char *const wanted[] = {"vouched for by",
                                         "BASIS",
                                         "signature good",
                                         "ASKS",
                                         "HAVE",
                                         "SAYS   |",
                                         "SENDS",
                                         "digest",
                                         " to key ",
                                         "TERMS    delete by",
                                         "SEEN     nothing of",
                                         "It cannot be recalled. No answer means no."};
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        if (!fake_shows(&shown, wanted[i])) {
            tell(wanted[i], 0, &shown);
        }
        CHECK(fake_shows(&shown, wanted[i]));
    }
}

/* The sealed clip that came out of the player's file, or nothing. */
static bool saw_the_clip(const char *path) {
    static uint8_t bytes[1024 * 1024];
    struct id hash;
    for (int tries = 0; tries < 50; tries++) {
        FILE *file = fopen(path, "rbe");
        size_t len = file == NULL ? 0 : fread(bytes, 1, sizeof bytes, file);
        if (file != NULL) {
            (void)fclose(file);
        }
        sha256((struct bytes){bytes, len}, &hash);
        if (id_equal(&hash, &fake.sha256)) {
            return true;
        }
        (void)usleep(100 * 1000);
    }
    return false;
}

static void test_a_player_is_handed_the_clip(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    char player[PATH_MAX + 16];
    char seen[PATH_MAX + 16];
    (void)snprintf(seen, sizeof seen, "%s/seen.mp4", fake.folder);
    (void)snprintf(player, sizeof player, "%s/player", fake.folder);
    FILE *script = fopen(player, "we");
    assert_non_null(script);
    (void)fprintf(script, "#!/bin/sh\ncp \"$1\" '%s'\n", seen);
    (void)fclose(script);
    (void)chmod(player, 0700);
    fake_home_lie(&fake, FAKE_HONEST);
    const char *const arguments[] = {"review", "--player", player, NULL};
    const char *const answers[] = {"p\n", "l\n", NULL};
    const struct fake_run run = {
        .arguments = arguments, .answers = answers, .passphrase = fake_passphrase};
    int code = fake_run(&fake, &run, &shown);
    bool saw = saw_the_clip(seen);
    if (code != EXIT_PENDING || !saw) {
        tell("player", code, &shown);
    }
    CHECK(saw);
    assert_int_equal(code, EXIT_PENDING);
    assert_int_equal(fake.grants, 0);
}

/* In a named folder a look stays; else it goes with the review. */
static void test_looks_are_removed_unless_a_folder_was_named(void **state) {
    (void)state;
    fake_skip_unless_built();
    for (int named = 0; named < 2; named++) {
        SCOPED(buffer_finish) struct buffer shown = {0};
        char line[PATH_MAX];
        fake_home_lie(&fake, FAKE_HONEST);
        const char *const arguments[] = {"review", named ? "--to" : NULL, fake.folder, NULL};
        const char *const answers[] = {"p\n", "l\n", NULL};
        const struct fake_run run = {
            .arguments = arguments, .answers = answers, .passphrase = fake_passphrase};
        int code = fake_run(&fake, &run, &shown);
        const char *said = memmem(shown.at, shown.len, "written to ", 11);
        if (said == NULL || code != EXIT_PENDING) {
            tell("look", code, &shown);
        }
        if (said == NULL) {
            fail_msg("the clip was written nowhere");
            return;
        }
        (void)snprintf(line, sizeof line, "%.*s", (int)strcspn(said + 11, "\r\n"), said + 11);
        assert_int_equal(access(line, F_OK), named ? 0 : -1);
    }
}

/* The request ends while its prompt is open: what is typed then comes too late, and it says so. */
static void test_a_request_that_ends_under_the_prompt_gets_nothing(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    char answer[16];
    fake_home_lie(&fake, FAKE_HONEST);
    fake.lie = FAKE_CLIP_ENDS;
    (void)snprintf(answer, sizeof answer, "%s\n", fake.code);
    int code = review_with(answer, &shown);
    if (code != 1 || fake.grants != 0 ||
        !fake_shows(&shown, "decided meanwhile, or at its end; nothing went")) {
        tell("ended", code, &shown);
    }
    assert_int_equal(code, 1);
    assert_int_equal(fake.grants, 0);
    CHECK(fake_shows(&shown, "decided meanwhile, or at its end; nothing went"));
}

/* Accepts what is there beside another's request, whose certificate is over by what *over says. */
static void accept_beside_another(bool *over, int expected, struct buffer *shown) {
    char answer[16];
    fake_home_lie(&fake, FAKE_HONEST);
    fake.others = 1;
    *over = true;
    (void)snprintf(answer, sizeof answer, "%s\n", fake.code);
    int code = review_with(answer, shown);
    if (code != expected || fake.grants != 1) {
        tell("beside another", code, shown);
    }
    assert_int_equal(code, expected);
    assert_int_equal(fake.grants, 1);
}

/* Its certificate ended yesterday, and the node holds what it asked for still: what others ask is
 * decided all the same. */
static void test_one_who_may_ask_no_more_keeps_nobody_waiting(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    accept_beside_another(&fake.others_over, 0, &shown);
    CHECK(fake_shows(&shown, "1 not shown: from askers who may not ask any more"));
}

/* It ends between two prompts: that answer is read to its end, or the next would begin with its
 * rest. */
static void test_one_who_may_ask_no_more_in_the_middle_of_it_keeps_nobody_waiting(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    accept_beside_another(&fake.others_end, 1, &shown); /* one was left alone */
    CHECK(fake_shows(&shown, "who asked may not ask any more"));
    CHECK(!fake_shows(&shown, "does not verify"));
}

static size_t lines_with(const struct buffer *shown, const char *text) {
    size_t count = 0;
    const uint8_t *at = shown->at;
    size_t len = strlen(text);
    while ((at = memmem(at, shown->len - (size_t)(at - shown->at), text, len)) != NULL) {
        count++;
        at += len;
    }
    return count;
}

/* 200 requests are a list, by pages, with a way out after each; never 200 prompts in a row. */
static void test_many_requests_are_a_list_with_a_way_out(void **state) {
    (void)state;
    fake_skip_unless_built();
    static const struct {
        const char *answers[5];
        size_t listed, prompts;
        const char *last;
    } rows[] = {
        {{"q\n"}, 20, 0, "left as they are"},
        {{"\n"}, 20, 0, "left as they are"},
        {{"\x04"}, 20, 0, "left as they are; no answer means no"},
        {{"accept\n"}, 40, 0, "not understood, nothing was done"},
        {{"m\n", "m\n", "q\n"}, 60, 0, "left as they are"},
        {{"CODE\n", "l\n", "q\n"}, 40, 1, "left as they are"},
        {{"CODE\n", "q\n"}, 20, 1, "left as it is; no answer means no"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        SCOPED(buffer_finish) struct buffer shown = {0};
        char code_line[16];
        const char *answers[6] = {NULL};
        fake_home_lie(&fake, FAKE_HONEST);
        fake.others = 199;
        (void)snprintf(code_line, sizeof code_line, "%s\n", fake.code);
        for (size_t k = 0; k < COUNT_OF(rows[i].answers); k++) {
            const char *answer = rows[i].answers[k];
            answers[k] = answer != NULL && strcmp(answer, "CODE\n") == 0 ? code_line : answer;
        }
        const struct fake_run run = {
            .arguments = review, .answers = answers, .passphrase = fake_passphrase};
        int code = fake_run(&fake, &run, &shown);
        if (code != EXIT_PENDING ||
            lines_with(&shown, " left, a search warrant, ") != rows[i].listed ||
            lines_with(&shown, "claims a search warrant") != rows[i].prompts) {
            tell(rows[i].answers[0], code, &shown);
        }
        assert_int_equal(code, EXIT_PENDING);
        assert_int_equal(fake.grants, 0);
        CHECK(fake_shows(&shown, "200 requests wait for you; here 1 to 20:"));
        assert_int_equal(lines_with(&shown, " left, a search warrant, "), rows[i].listed);
        assert_int_equal(lines_with(&shown, "claims a search warrant"), rows[i].prompts);
        CHECK(fake_shows(&shown, rows[i].last));
    }
}

/* As this owner's `stoop` wrote it down after an answer, in whatever community that was. */
static void remember(const char *outcome) {
    char path[PATH_MAX + 16];
    char request[65];
    const int64_t now = fake.now.ms / DURATION_SECOND_MS;
    hex_write(BYTES_OF(fake.community.request_id.b), request);
    (void)snprintf(path, sizeof path, "%.4000s/memory", fake.owner);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    (void)fprintf(file, "stoop memory v1\nasked %s %s %" PRId64 " %s:%" PRId64 " 0\n", request,
                  request, now, outcome, now);
    CHECK(fclose(file) == 0);
}

static void forget(void) {
    char path[PATH_MAX + 16];
    (void)snprintf(path, sizeof path, "%.4000s/memory", fake.owner);
    (void)unlink(path);
}

/* The very request may come a second time: by treaty, to another community of this home. */
static void test_what_was_declined_before_says_so(void **state) {
    (void)state;
    fake_skip_unless_built();
    static const struct {
        const char *outcome, *says;
    } rows[] = {{"declined", "YOU declined a clip of this very request on "},
                {"accepted", "YOU accepted a clip of this very request on "}};
    static const char *const requests[] = {"requests", NULL};
    const struct fake_run list = {.arguments = requests, .no_terminal = true};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        SCOPED(buffer_finish) struct buffer shown = {0};
        SCOPED(buffer_finish) struct buffer listed = {0};
        char by_you[64];
        fake_home_lie(&fake, FAKE_HONEST);
        remember(rows[i].outcome);
        int code = review_with("q\n", &shown);
        nothing_comes_of(rows[i].outcome, code, EXIT_PENDING, &shown);
        CHECK(fake_shows(&shown, rows[i].says));
        CHECK(!fake_shows(&shown, "nothing asked by them before"));
        assert_int_equal(fake_run(&fake, &list, &listed), 0);
        (void)snprintf(by_you, sizeof by_you, "%s on ", rows[i].outcome);
        CHECK(fake_shows(&listed, "by you"));
        CHECK(fake_shows(&listed, by_you));
        forget();
    }
}

/* It is as it should be after every removal, and after every end of a certificate. */
static void test_one_who_may_ask_no_more_alarms_nobody(void **state) {
    (void)state;
    fake_skip_unless_built();
    static const char *const words[] = {"requests", NULL};
    const struct fake_run run = {.arguments = words, .no_terminal = true};
    SCOPED(buffer_finish) struct buffer shown = {0};
    fake_home_lie(&fake, FAKE_HONEST);
    fake.others = 1;
    fake.others_over = true;
    assert_int_equal(fake_run(&fake, &run, &shown), 0);
    CHECK(fake_shows(&shown, fake.code));
    CHECK(!fake_shows(&shown, "does not verify"));
}

/* What a line was meant for, and how that is written. */
static void test_what_is_not_understood_says_how(void **state) {
    (void)state;
    fake_skip_unless_built();
    static const char *const rows[][2] = {
        {"l 2w\n", "'l 2h' hides it for two hours"},
        {"0000-00\n", "to accept, type the code"},
        {"yes\n", "'?' tells what can be answered"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        SCOPED(buffer_finish) struct buffer shown = {0};
        fake_home_lie(&fake, FAKE_HONEST);
        const char *const answers[] = {rows[i][0], "q\n", NULL};
        const struct fake_run run = {
            .arguments = review, .answers = answers, .passphrase = fake_passphrase};
        int code = fake_run(&fake, &run, &shown);
        nothing_comes_of(rows[i][0], code, EXIT_PENDING, &shown);
        CHECK(fake_shows(&shown, "not understood, nothing was done"));
        CHECK(fake_shows(&shown, rows[i][1]));
    }
}

static int start(void **state) {
    (void)state;
    fake_home_start(&fake);
    return 0;
}

static int stop(void **state) {
    (void)state;
    fake_home_stop(&fake);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_code_and_two_passphrases_grant_this_clip_to_this_key),
        cmocka_unit_test(test_the_code_counts_in_lower_case),
        cmocka_unit_test(test_nothing_else_accepts),
        cmocka_unit_test(test_a_wrong_code_accepts_nothing),
        cmocka_unit_test(test_type_ahead_accepts_nothing),
        cmocka_unit_test(test_a_wrong_second_passphrase_signs_nothing),
        cmocka_unit_test(test_without_a_terminal_nothing_is_asked_or_accepted),
        cmocka_unit_test(test_a_lying_node_gets_no_grant),
        cmocka_unit_test(test_a_request_that_ends_under_the_prompt_gets_nothing),
        cmocka_unit_test(test_one_who_may_ask_no_more_keeps_nobody_waiting),
        cmocka_unit_test(test_one_who_may_ask_no_more_in_the_middle_of_it_keeps_nobody_waiting),
        cmocka_unit_test(test_one_who_may_ask_no_more_alarms_nobody),
        cmocka_unit_test(test_what_was_declined_before_says_so),
        cmocka_unit_test(test_what_is_not_understood_says_how),
        cmocka_unit_test(test_many_requests_are_a_list_with_a_way_out),
        cmocka_unit_test(test_the_screen_gets_no_escapes_of_others),
        cmocka_unit_test(test_a_document_of_another_type_is_said_and_not_written),
        cmocka_unit_test(test_the_prompt_fits_a_small_screen),
        cmocka_unit_test(test_a_player_is_handed_the_clip),
        cmocka_unit_test(test_looks_are_removed_unless_a_folder_was_named),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
