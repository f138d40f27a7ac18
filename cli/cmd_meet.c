/* meet, and what 'invite --spoken' and 'join' do with words that are said (PROTOCOL 4.10). */
#include "cli/cmd_meet.h"

#include <string.h>

#include "cli/sent.h"
#include "proto/meet.h"

enum {
    SLIPS_MAX = 3, /* words typed that are on no list: they cost nothing */
    PREFIX_MIN = 4 /* digits of a certificate that stand for it */
};

struct spoken_offer {
    struct introduction introduction;
    char text[CODE_MAX_BYTES];
    char words[MEET_CODE_BYTES];
};

struct other { /* the home that words are compared with */
    struct id certificate;
    struct member member;
};

static int make_offer(const struct invite_code *code, long minutes, struct spoken_offer *out);
static void draw_words(char out[MEET_CODE_BYTES]);
static void show_offer(const struct cli *cli, const struct spoken_offer *offer);
static int wait_for_joiner(struct client *client);
static int read_introduction(const char *text, struct introduction *out);
static int ask_words(char out[MEET_CODE_BYTES]);
static int knock(const struct cli *cli, const char *text, const char *words,
                 char code[CODE_MAX_BYTES]);
static int find_other(struct client *client, const struct id *self, const char *word,
                      struct id *out);
static int check_self(struct client *client, const struct community_terms *community,
                      const struct pins *pins, const struct id *self);
static int check_other(struct client *client, const struct community_terms *community,
                       struct other *other);
static int exchange(struct client *client, const struct id *community, const struct id *self,
                    const struct other *other, char words[MEET_WORDS_BYTES]);
static int ask_peer(struct client *client, enum control_op op, const struct id *peer,
                    const uint8_t say[MEET_NONCE_BYTES], uint8_t hear[MEET_NONCE_BYTES]);
static int confirm(const struct cli *cli, struct pins *pins, const struct other *other,
                   const char *words);

/* ---- invite --spoken ---- */

int meet_offer(const struct cli *cli, struct client *client, const struct invite_code *code,
               const char *code_text, long minutes) {
    static struct control_reply reply;
    struct spoken_offer offer;
    struct control_request request = {.op = CONTROL_MEET_INVITE};
    int failed = make_offer(code, minutes, &offer);
    if (failed == 0) {
        (void)snprintf(request.text, sizeof request.text, "%s", code_text);
        request.blob = BYTES_TEXT(offer.text);
        request.blob2 = BYTES_TEXT(offer.words);
        failed = client_one(client, &request, CONTROL_PROGRESS, &reply);
    }
    if (failed == 0) {
        show_offer(cli, &offer);
        failed = wait_for_joiner(client);
    }
    secret_wipe(&request, sizeof request);
    secret_wipe(&offer, sizeof offer);
    return failed;
}

static int make_offer(const struct invite_code *code, long minutes, struct spoken_offer *out) {
    *out = (struct spoken_offer){.introduction = {.community = code->community,
                                                  .sponsor = code->sponsor,
                                                  .transport = code->transport,
                                                  .address_count = code->address_count}};
    out->introduction.expires.ms = now_wall().ms + minutes * DURATION_MINUTE_MS;
    memcpy(out->introduction.addresses, code->addresses, sizeof code->addresses);
    random_bytes(out->introduction.tag, sizeof out->introduction.tag);
    draw_words(out->words);
    enum err err = introduction_write(&out->introduction, out->text);
    return err == ERR_OK ? 0 : fail(NULL, "the introduction cannot be made: %s", err_text(err));
}

static void draw_words(char out[MEET_CODE_BYTES]) {
    struct meet_code code;
    do { /* so that every number is as likely */
        random_bytes(&code, sizeof code);
    } while (code.number >= UINT8_MAX / MEET_CODE_NUMBERS * MEET_CODE_NUMBERS);
    code.number %= MEET_CODE_NUMBERS;
    meet_code_write(&code, out);
    secret_wipe(&code, sizeof code);
}

static void show_offer(const struct cli *cli, const struct spoken_offer *offer) {
    struct facts *facts = facts_start(cli, false);
    if (cli->json) {
        facts_text(facts, "introduction", NULL, offer->text);
        facts_text(facts, "words", NULL, offer->words);
    } else {
        (void)printf("send this line any way you like, there is no secret in it:\n\n%s\n\n"
                     "then SAY these words, on the phone or face to face; never write them:\n\n"
                     "    %s\n\n",
                     offer->text, offer->words);
    }
    facts_time(facts, "expires", "good until", offer->introduction.expires);
    facts_end(facts);
    if (!cli->json) {
        (void)puts("they are good for one attempt, right or wrong, and while this command runs");
    }
    (void)fflush(stdout);
}

static int wait_for_joiner(struct client *client) {
    static struct control_reply reply;
    static const char again[] = "make a new one with 'stoop invite --spoken'";
    term_busy("waiting for your neighbour ...");
    bool there = client_next(client, &reply);
    term_busy(NULL);
    if (!there) {
        return fail(again, "the node went away, and the code with it");
    }
    switch ((int)reply.err) {
    case ERR_OK:
        (void)fputs("your neighbour's home knew the words, and has its invite\n", stderr);
        return 0;
    case ERR_USER_WORDS:
        return fail(again, "the words did not match; the code is burned");
    case ERR_DENY_EXPIRED:
        return fail(again, "nobody used the words in time");
    case ERR_PEER_TRUNCATED:
        return fail(again, "somebody began to use the code and broke off; it is burned");
    default:
        return fail(again, "%s", err_text(reply.err));
    }
}

/* ---- join ---- */

int meet_sponsor(const struct cli *cli, const char *text, char code[CODE_MAX_BYTES]) {
    struct introduction introduction;
    char words[MEET_CODE_BYTES] = "";
    int failed = read_introduction(text, &introduction);
    if (failed == 0 && !term_present()) {
        (void)fail("run it at a terminal", "there is nobody to ask for the words");
        failed = EXIT_NO_TERMINAL;
    }
    if (failed == 0) {
        (void)fputs("this is an introduction to a community, not yet an invite:\n", stderr);
        meet_show_home(&introduction.community, &introduction.transport, introduction.address_count,
                       introduction.addresses);
        failed = ask_words(words);
    }
    if (failed == 0) {
        failed = knock(cli, text, words, code);
    }
    secret_wipe(words, sizeof words);
    return failed;
}

void meet_show_home(const struct id *community, const struct box_public *sponsor, size_t count,
                    const char addresses[][ADDRESS_MAX_BYTES]) {
    char words[MEET_WORDS_BYTES];
    meet_words((struct bytes){community->b, MEET_KEY_WORDS}, words);
    (void)fprintf(stderr, "  community    %s\n", words);
    meet_words((struct bytes){sponsor->b, MEET_KEY_WORDS}, words);
    (void)fprintf(stderr, "  sponsor      %s\n", words);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(stderr, "  %-12s %s\n", i == 0 ? "where" : "", addresses[i]);
    }
}

static int read_introduction(const char *text, struct introduction *out) {
    if (introduction_read(text, out) != ERR_OK) {
        return fail("copy it whole, from '" INTRODUCTION_PREFIX "' to its end",
                    "this is not a whole introduction");
    }
    return instant_reached(now_wall(), out->expires)
               ? fail("ask for a new one", "the introduction has expired")
               : 0;
}

/* A slip is told here: only words that there are cost the attempt. */
static int ask_words(char out[MEET_CODE_BYTES]) {
    char answer[8 * MEET_CODE_BYTES];
    struct meet_code code;
    for (int i = 0; i < SLIPS_MAX; i++) {
        const char *wrong = NULL;
        if (!term_ask("the number and the three words that you were told: ", answer,
                      sizeof answer) ||
            answer[strspn(answer, " ")] == '\0') {
            break;
        }
        if (meet_code_read(answer, &code, &wrong) == ERR_OK) {
            meet_code_write(&code, out);
            secret_wipe(answer, sizeof answer);
            secret_wipe(&code, sizeof code);
            return 0;
        }
        if (wrong == NULL) {
            (void)fputs("a number and three words, as in '41 amber river stone'\n", stderr);
            continue;
        }
        char safe[SAFE_MAX];
        char word[MEET_WORD_BYTES * 2];
        size_t len = strcspn(wrong, " ,.-");
        (void)snprintf(word, sizeof word, "%.*s", (int)(len < sizeof word ? len : sizeof word - 1),
                       wrong);
        struct nearest nearest = nearest_to(word, strlen(word));
        for (size_t k = 0; meet_word(k) != NULL; k++) {
            nearest_consider(&nearest, meet_word(k));
        }
        (void)fprintf(stderr, "'%s' is none of the words%s%s%s; nothing is lost, type them again\n",
                      safe_text(word, 20, safe), nearest.best == NULL ? "" : ", did you mean '",
                      nearest.best == NULL ? "" : nearest.best, nearest.best == NULL ? "" : "'");
    }
    secret_wipe(answer, sizeof answer);
    (void)fail(NULL, "nothing was done; the code is as good as it was");
    return EXIT_PENDING;
}

static int knock(const struct cli *cli, const char *text, const char *words,
                 char code[CODE_MAX_BYTES]) {
    static struct control_reply reply;
    static const char again[] = "ask your neighbour for a new one";
    struct client *client = NULL;
    struct control_request request = {.op = CONTROL_MEET_JOIN, .blob = BYTES_TEXT(words)};
    (void)snprintf(request.text, sizeof request.text, "%s", text);
    int failed = client_open(cli, &client);
    if (failed == 0) {
        (void)fprintf(stderr, "asking the sponsor's home, for a minute at most ...\n");
        failed = client_ask(client, &request);
    }
    if (failed == 0 && !client_next(client, &reply)) {
        failed = client_gone();
    }
    if (failed == 0 && reply.kind == CONTROL_GOT_DATA && reply.as.data.data.len < CODE_MAX_BYTES) {
        (void)snprintf(code, CODE_MAX_BYTES, "%.*s", (int)reply.as.data.data.len,
                       (const char *)reply.as.data.data.at);
        secret_wipe(&reply, sizeof reply);
    } else if (failed == 0) {
        switch ((int)reply.err) {
        case ERR_USER_WORDS:
            failed = fail(again, "the words did not match; the code is burned");
            break;
        case ERR_PEER_TRUNCATED:
            failed = fail(again, "the sponsor's home broke off; the code is burned");
            break;
        case ERR_USER_NO_ANSWER:
            failed = fail("ask whether it still waits, and whether it can be reached from outside",
                          "the sponsor's home does not answer to this introduction");
            break;
        default:
            failed = fail(NULL, "the home was not let in: %s", err_text(reply.err));
            break;
        }
    }
    client_close(client);
    return failed;
}

/* ---- meet ---- */

int cmd_meet(struct cli *cli) {
    static struct community_terms community;
    static struct control_reply status;
    static struct pins pins;
    struct other other;
    struct client *client = NULL;
    char words[MEET_WORDS_BYTES];
    int failed = take_options(cli, NULL, 0, "HOME");
    if (failed == 0 && !term_present()) {
        (void)fail("run it at a terminal", "there is nobody to compare words with");
        return EXIT_NO_TERMINAL;
    }
    if (failed == 0) {
        failed = pins_load(cli, &pins);
    }
    if (failed == 0) {
        failed = pinned_community(cli, &pins.community);
    }
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0) {
        failed = client_status(client, &status);
    }
    const struct id self = status.as.status.certificate;
    if (failed == 0) {
        failed = find_other(client, &self, cli->argv[1], &other.certificate);
    }
    if (failed == 0) {
        failed = client_community(cli, client, &community);
    }
    if (failed == 0) {
        failed = check_self(client, &community, &pins, &self);
    }
    if (failed == 0) {
        failed = check_other(client, &community, &other);
    }
    if (failed == 0) {
        failed = exchange(client, &pins.community, &self, &other, words);
    }
    if (failed == 0) {
        failed = confirm(cli, &pins, &other, words);
    }
    client_close(client);
    return failed;
}

/* By its name, or the beginning of its certificate where several have it. */
static int find_other(struct client *client, const struct id *self, const char *word,
                      struct id *out) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_MEMBERS};
    char safe[SAFE_MAX];
    struct id found = {{0}};
    size_t count = 0;
    int failed = client_ask(client, &ask);
    while (client_each(client, CONTROL_GOT_OBJECT, &reply, &failed)) {
        struct signed_object object;
        struct member member;
        char hex[65];
        if (signed_decode(reply.as.object.object, &object) != ERR_OK ||
            member_decode(object.body, &member) != ERR_OK) {
            continue;
        }
        hex_write(BYTES_OF(object.id.b), hex);
        bool named = strcmp(member.name, word) == 0;
        bool numbered = strlen(word) >= PREFIX_MIN && strncmp(hex, word, strlen(word)) == 0;
        if (named || numbered) {
            found = object.id;
            count++;
        }
    }
    (void)safe_text(word, 60, safe);
    if (failed == 0 && count == 0) {
        return fail("see who there is with 'stoop members'", "no home is called '%s'", safe);
    }
    if (failed == 0 && count > 1) {
        return fail("name it by its certificate, from 'stoop members --json'",
                    "%zu homes are called '%s'", count, safe);
    }
    if (failed == 0 && id_equal(&found, self)) {
        return fail(NULL, "'%s' is this home itself", safe);
    }
    *out = found;
    return failed;
}

/* The words bind both certificates, so ours has to be this home's, whatever the node says. */
static int check_self(struct client *client, const struct community_terms *community,
                      const struct pins *pins, const struct id *self) {
    struct member member;
    enum err err = client_chain(client, community, self, now_wall(), &member);
    if (err != ERR_OK) {
        return fail(NULL, "this home's own certificate does not verify: %s", err_text(err));
    }
    bool ours = !pins->has_node || sign_public_equal(&member.node, &pins->node);
    bool owned = false;
    for (size_t i = 0; i < member.owner_count; i++) {
        for (size_t k = 0; k < pins->owner_count; k++) {
            owned |= sign_public_equal(&member.owners[i].sign, &pins->owners[k].sign);
        }
    }
    return ours && owned ? 0 : fail(NULL, "the node gives another home's certificate for its own");
}

static int check_other(struct client *client, const struct community_terms *community,
                       struct other *other) {
    enum err err = client_chain(client, community, &other->certificate, now_wall(), &other->member);
    return err == ERR_OK ? 0
                         : fail(NULL, "that home's certificate does not verify: %s", err_text(err));
}

/* Commit, then reveal, between the owners' own programs: neither node, nor any in between, can
 * choose what it says by what the other has said. */
static int exchange(struct client *client, const struct id *community, const struct id *self,
                    const struct other *other, char words[MEET_WORDS_BYTES]) {
    struct meet_side ours = {.certificate = *self};
    struct meet_side theirs = {.certificate = other->certificate};
    uint8_t commitment[MEET_NONCE_BYTES];
    uint8_t theirs_before[MEET_NONCE_BYTES];
    uint8_t again[MEET_NONCE_BYTES];
    char safe[SAFE_MAX];
    random_bytes(ours.nonce, sizeof ours.nonce);
    meet_commitment(community, &ours, &theirs.certificate, commitment);
    (void)fprintf(stderr,
                  "now '%s' has to do the same for this home; waiting, five minutes at most ...\n",
                  safe_text(other->member.name, 60, safe));
    int failed =
        ask_peer(client, CONTROL_MEET_COMMIT, &theirs.certificate, commitment, theirs_before);
    if (failed == 0) {
        failed =
            ask_peer(client, CONTROL_MEET_REVEAL, &theirs.certificate, ours.nonce, theirs.nonce);
    }
    if (failed != 0) {
        return failed;
    }
    meet_commitment(community, &theirs, self, again);
    if (memcmp(again, theirs_before, sizeof again) != 0) {
        return fail("begin anew, both of you",
                    "what that home said does not fit what it had committed to");
    }
    meet_compare_words(community, &ours, &theirs, words);
    return 0;
}

static int ask_peer(struct client *client, enum control_op op, const struct id *peer,
                    const uint8_t say[MEET_NONCE_BYTES], uint8_t hear[MEET_NONCE_BYTES]) {
    static struct control_reply reply;
    const struct control_request ask = {.op = op, .id = *peer, .blob = {say, MEET_NONCE_BYTES}};
    int failed = client_one(client, &ask, CONTROL_GOT_DATA, &reply);
    if (failed == 0 && reply.as.data.data.len != MEET_NONCE_BYTES) {
        failed = fail(NULL, "the node answers something else than was asked");
    }
    if (failed == 0) {
        memcpy(hear, reply.as.data.data.at, MEET_NONCE_BYTES);
    }
    return failed;
}

static int confirm(const struct cli *cli, struct pins *pins, const struct other *other,
                   const char *words) {
    char safe[SAFE_MAX];
    char question[SAFE_MAX + 64];
    (void)safe_text(other->member.name, 60, safe);
    (void)fprintf(stderr, "read these words to each other:\n\n    %s\n\n", words);
    (void)snprintf(question, sizeof question, "does '%s' read the very same words? [y/N] ", safe);
    int failed = sent_ask(question, "whether the words are the same",
                          "nothing was noted; if the words differ, somebody may stand between you");
    if (failed != 0) {
        return failed;
    }
    pins_meet(pins, &other->member, now_wall());
    failed = pins_save(cli->owner_dir, pins, false);
    if (failed == 0 && cli->json) {
        struct facts *facts = facts_start(cli, false);
        facts_text(facts, "name", NULL, other->member.name);
        facts_bytes(facts, "certificate", NULL, BYTES_OF(other->certificate.b));
        facts_text(facts, "words", NULL, words);
        facts_end(facts);
    } else if (failed == 0) {
        (void)printf("noted: the keys that you know '%s' by are its own\n", safe);
    }
    return failed;
}
