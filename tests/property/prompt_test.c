/* P3 as a property: whatever keys are pressed, signals come, windows close, nodes lie and clips are
 * edited, a grant is only ever signed after its digest was the last one shown, the request's code
 * was typed after that as a whole line, and then the passphrase. The owner's key is a real key
 * file, sealed at Argon2id's least cost; the signature is looked for at the end, not an action.
 *
 *   property-prompt_test [--long | --seed N]    2 000 runs, 100 000, or one, telling what happened
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/prompt.h"
#include "crypto/keyfile.h"
#include "tests/support/check.h"

enum {
    RUNS = 2000,
    RUNS_LONG = 100000,
    KEYS_MAX = 400, /* pressed in one run */
    LINE_ROOM = 64, /* as the prompt has */
    HISTORY_MAX = 512,
    TRIES = 3,
    DIGESTS = 4,
    LEAST_MEMORY = 8192
};

static const char code[] = "4F2A-91";
static const char passphrase[] = "correct horse";

/* What a person saw and did, in order; the oracle reads nothing else. */
struct moment {
    enum {
        SAW_DIGEST,
        TYPED_ANSWER,
        TYPED_PASSPHRASE,
        WENT_AWAY
    } what;
    uint8_t digest;
    char text[LINE_ROOM];
};

struct run {
    uint64_t dice;
    size_t keys;
    bool closed;
    size_t moments;
    struct moment history[HISTORY_MAX];
    uint8_t digest; /* of the clip as the node gives it now */
    bool already;   /* this owner has signed it */
    bool granted;
    struct signature grant;
    uint8_t granted_digest;
};

static struct bytes keyfile;
static char keyfile_text[KEYFILE_BYTES_MAX];
static struct keyfile_public pub;
static uint64_t only_seed;
static bool only_one, long_form, telling;

static uint32_t roll(struct run *run, uint32_t sides) {
    run->dice += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    uint64_t x = run->dice;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((x ^ (x >> 31)) % sides);
}

static void remember(struct run *run, struct moment moment) {
    static const char *const words[] = {"saw digest", "answered", "gave passphrase", "went away"};
    assert_true(run->moments < HISTORY_MAX);
    run->history[run->moments++] = moment;
    if (telling) {
        print_message("%s %u '%s'\n", words[moment.what], moment.digest, moment.text);
    }
}

/* ---- a person at a keyboard, or a cat on it ---- */

static const char *whole_line(struct run *run) {
    static const char *const lines[] = {
        "4F2A-91",
        "4f2a91",
        "4F2A-91",
        "correct horse",
        "correct horse",
        "p",
        "c",
        "w",
        "?",
        "s",
        "",
        "l",
        "q",
        "d",
        "t 0:05 1:40",
        "r 10,20 30,40",
        "m",
        "u",
        "l 2h",
        "y",
        "yes",
        "4F2A-9",
        "4F2A-911",
        " 4F2A-91",
        "4F2A-91 ",
        "4F2B-91",
        "accept",
        "4F2A 91",
        "correct hors",
        "4F2A-91\n",
        "correct  horse",
        "4F2-A91",
        "4F2A--91",
        "4F2A-",
    };
    return lines[roll(run, (uint32_t)(roll(run, 3) == 0 ? COUNT_OF(lines) : 18))];
}

/* A line as the terminal hands it over: `out`, or nothing for a signal, an end or a time-out. A NUL
 * or a line that is too long is no answer to anything. */
static bool type_line(struct run *run, char out[LINE_ROOM]) {
    static const char keys[] = "4F2A-914f2apcwdlqstrmu?yhb :,\x7f\t0123456789ABCDEF";
    size_t len = 0;
    bool spoilt = false;
    if (roll(run, 2) == 0 && run->keys < KEYS_MAX) {
        run->keys++;
        (void)snprintf(out, LINE_ROOM, "%s", whole_line(run));
        out[strcspn(out, "\n")] = '\0';
        return true;
    }
    while (!run->closed && run->keys < KEYS_MAX) {
        run->keys++;
        switch (roll(run, 16)) {
        case 0: /* Enter */
        case 1:
        case 2:
            out[len] = '\0';
            if (spoilt) {
                (void)snprintf(out, LINE_ROOM, "\x01");
            }
            return true;
        case 3: /* Ctrl-C, SIGTERM, SIGHUP, Ctrl-D at the start, time-out */
            if (roll(run, 4) == 0) {
                return false;
            }
            break;
        case 4: /* the window closes: no answer from here on */
            run->closed = roll(run, 24) == 0;
            break;
        case 5: /* Ctrl-Z and back: asked again, and what stood there is gone */
            len = 0;
            spoilt = false;
            break;
        case 6:
            spoilt |= roll(run, 8) == 0;
            break;
        case 7: { /* part of a line, pasted */
            const char *paste = whole_line(run);
            for (; *paste != '\0' && *paste != '\n' && len + 1 < LINE_ROOM; paste++) {
                out[len++] = *paste;
            }
            break;
        }
        default:
            spoilt |= len + 1 == LINE_ROOM;
            out[len] = keys[roll(run, sizeof keys - 1)];
            len += len + 1 < LINE_ROOM ? 1 : 0;
            break;
        }
    }
    return false;
}

static bool answer(struct run *run, struct moment moment, char out[LINE_ROOM]) {
    if (!type_line(run, out)) {
        remember(run, (struct moment){.what = WENT_AWAY});
        return false;
    }
    (void)snprintf(moment.text, sizeof moment.text, "%s", out);
    remember(run, moment);
    return true;
}

/* ---- what cmd_review.c does for each action ---- */

static bool open_key(struct run *run, struct owner_secret *out) {
    for (int i = 0; i < TRIES; i++) {
        char line[LINE_ROOM];
        if (!answer(run, (struct moment){.what = TYPED_PASSPHRASE}, line)) {
            return false;
        }
        if (keyfile_open(keyfile, BYTES_TEXT(line), out) == KEYFILE_OK) {
            return true;
        }
    }
    return false;
}

static struct prompt_event act(struct run *run, enum prompt_do what, char line[LINE_ROOM],
                               struct owner_secret *secret) {
    struct prompt_event event = {.kind = PROMPT_EV_DONE, .line = line};
    event.digest.b[0] = run->digest;
    bool fails = roll(run, 24) == 0;
    switch (what) {
    case PROMPT_DO_SHOW:
        remember(run, (struct moment){.what = SAW_DIGEST, .digest = run->digest});
        event.kind = PROMPT_EV_SHOWN;
        event.already = run->already;
        return event;
    case PROMPT_DO_ASK:
        event.kind = roll(run, 16) == 0                                         ? PROMPT_EV_RESIZED
                     : answer(run, (struct moment){.what = TYPED_ANSWER}, line) ? PROMPT_EV_LINE
                                                                                : PROMPT_EV_NONE;
        return event;
    case PROMPT_DO_CHECK: /* the clip at the node is another now; or was, when it was shown */
        if (roll(run, 8) == 0) {
            run->digest = (uint8_t)roll(run, DIGESTS);
            event.digest.b[0] = run->digest;
        }
        break;
    case PROMPT_DO_PASSPHRASE:
        event.kind = open_key(run, secret) ? PROMPT_EV_DONE : PROMPT_EV_NONE;
        return event;
    case PROMPT_DO_SIGN:
        if (!fails) {
            run->granted = true;
            run->granted_digest = run->digest;
            sign_bytes(&secret->sign, (struct bytes){&run->digest, 1}, &run->grant);
        }
        break;
    case PROMPT_DO_EDIT: /* another file, now and then the same; one that fails is as it was */
        if (!fails) {
            run->digest = (uint8_t)roll(run, DIGESTS);
            run->already = false;
        }
        break;
    case PROMPT_DO_PLAY:
    case PROMPT_DO_DOCUMENT:
    case PROMPT_DO_DETAILS:
    case PROMPT_DO_HELP:
    case PROMPT_DO_UNKNOWN:
    case PROMPT_DO_DECLINE:
    case PROMPT_DO_END:
        break;
    }
    event.kind = fails ? PROMPT_EV_FAILED : PROMPT_EV_DONE;
    return event;
}

static void play(struct run *run, uint64_t seed) {
    static struct owner_secret secret;
    struct prompt prompt;
    char line[LINE_ROOM];
    memset(run, 0, sizeof *run);
    memset(&secret, 0, sizeof secret);
    run->dice = seed;
    run->already = roll(run, 16) == 0;
    prompt_start(&prompt, code);
    while (prompt.doing != PROMPT_DO_END && run->moments + TRIES + 2 < HISTORY_MAX) {
        struct prompt_event event = act(run, prompt.doing, line, &secret);
        (void)prompt_step(&prompt, &event);
    }
}

/* ---- the oracle: from what was seen and done alone ---- */

static bool is_the_code(const char *text) {
    static const char digits[] = "4F2A91";
    char bare[LINE_ROOM];
    size_t len = 0;
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (i == 4 && text[i] == '-') {
            continue;
        }
        bare[len++] = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 'a' + 'A') : text[i];
    }
    return len == strlen(digits) && memcmp(bare, digits, len) == 0;
}

static bool may_be_granted(const struct run *run, uint8_t digest) {
    size_t at = run->moments;
    size_t tries = 0;
    for (; at > 0 && run->history[at - 1].what == TYPED_PASSPHRASE; at--) {
        bool right = strcmp(run->history[at - 1].text, passphrase) == 0;
        if (right != (tries == 0)) { /* the last one, and it alone */
            return false;
        }
        tries++;
    }
    if (tries == 0 || tries > TRIES || at == 0 || run->history[at - 1].what != TYPED_ANSWER ||
        !is_the_code(run->history[at - 1].text)) {
        return false;
    }
    for (at--; at > 0 && run->history[at - 1].what != SAW_DIGEST; at--) {
    }
    return at > 0 && run->history[at - 1].digest == digest;
}

static void test_no_grant_without_code_and_passphrase_over_what_was_shown(void **state) {
    (void)state;
    static struct run run;
    size_t runs = only_one ? 1 : long_form ? RUNS_LONG : RUNS;
    size_t granted = 0;
    for (size_t i = 0; i < runs; i++) {
        uint64_t seed = only_one ? only_seed : (uint64_t)i * UINT64_C(0x2545f4914f6cdd1d);
        play(&run, seed);
        if (!run.granted) {
            continue;
        }
        granted++;
        if (!may_be_granted(&run, run.granted_digest)) {
            print_message("a grant that nobody gave: --seed %llu\n", (unsigned long long)seed);
            fail();
        }
        assert_true(
            sign_verify(&pub.owner.sign, (struct bytes){&run.granted_digest, 1}, &run.grant));
    }
    print_message("%zu runs, %zu of them granted, each as it must be\n", runs, granted);
    assert_true(only_one || granted > runs / 100); /* or nothing was shown by it */
}

static int start(void **state) {
    (void)state;
    static struct owner_secret secret;
    assert_true(crypto_start());
    sign_generate(&secret.sign, &pub.owner.sign);
    box_generate(&secret.box, &pub.owner.box);
    (void)snprintf(pub.name, sizeof pub.name, "Ada");
    assert_int_equal(keyfile_seal(&pub, &secret, BYTES_TEXT(passphrase),
                                  (struct keyfile_cost){1, LEAST_MEMORY}, keyfile_text),
                     KEYFILE_OK);
    keyfile = BYTES_TEXT(keyfile_text);
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_grant_without_code_and_passphrase_over_what_was_shown),
    };
    long_form = argc == 2 && strcmp(argv[1], "--long") == 0;
    only_one = argc == 3 && strcmp(argv[1], "--seed") == 0;
    only_seed = only_one ? strtoull(argv[2], NULL, 10) : 0;
    telling = only_one;
    return cmocka_run_group_tests(tests, start, NULL);
}
