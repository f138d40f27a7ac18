/* meet, and what 'invite --spoken' and 'join' do with words that are said (PROTOCOL 4.10). */
#include "cli/cmd_meet.h"

#include <string.h>

#include "cli/members.h"
#include "cli/sent.h"
#include "proto/meet.h"

enum {
    SLIPS_MAX = 3 /* words typed that are on no list: they cost nothing */
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
static void say_slip(const char *wrong);
static int knock(struct client *client, const char *text, const char *words,
                 char code[CODE_MAX_BYTES]);
static int say_not_met(enum err err);
static int find_other(struct client *client, const struct community_terms *community,
                      const char *word, struct id *out);
static int check_self(const struct cli *cli, struct client *client,
                      const struct community_terms *community, const struct pins *pins,
                      const struct id *self);
static int check_other(struct client *client, const struct community_terms *community,
                       struct other *other);
static int exchange(struct client *client, const struct id *community, const struct id *self,
                    const struct other *other, char words[MEET_WORDS_BYTES]);
static int ask_peer(struct client *client, enum control_op op, const struct id *peer,
                    const uint8_t say[MEET_NONCE_BYTES], uint8_t hear[MEET_NONCE_BYTES]);
static int confirm(const struct cli *cli, struct pins *pins, const struct other *other,
                   const char *words);

void invitation_wipe(struct invitation *invitation) {
    secret_wipe(invitation, sizeof *invitation);
}

/* ---- invite --spoken ---- */

int meet_offer(const struct cli *cli, struct client *client, const struct invitation *invitation,
               const struct meet_offered *offered) {
    static struct control_reply reply;
    static const struct told told[] = {
        {ERR_FULL_TABLE, "as many spoken codes of this home are out as can be at a time",
         "end one with Ctrl-C where its 'stoop invite --spoken' waits, or wait until one is used"}};
    struct spoken_offer offer;
    struct control_request request = {.op = CONTROL_MEET_INVITE};
    int failed = make_offer(&invitation->code, offered->minutes, &offer);
    if (failed == 0) {
        (void)snprintf(request.text, sizeof request.text, "%s", invitation->text);
        request.blob = BYTES_TEXT(offer.text);
        request.blob2 = BYTES_TEXT(offer.words);
        failed = client_one_told(client, &request, CONTROL_PROGRESS, &reply, TOLD(told));
    }
    if (failed == 0) {
        show_offer(cli, &offer);
        if (!cli->json) {
            meet_show_own(offered->community, &invitation->code);
        }
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
        term_text("send this line any way you like, there is no secret in it:");
        (void)printf("\n%s\n\n", offer->text);
        term_text("your neighbour runs 'stoop join' with it, at a terminal of theirs");
        term_text("then SAY these words, on the phone or face to face; never write them:");
        (void)printf("\n    %s\n\n", offer->words);
    }
    facts_time(facts, "expires", "good until", offer->introduction.expires);
    facts_end(facts);
    if (!cli->json) {
        term_text("they are good for one attempt, right or wrong, and while this command runs");
    }
    (void)fflush(stdout);
}

static int wait_for_joiner(struct client *client) {
    static struct control_reply reply;
    static const char again[] = "make a new one with 'stoop invite --spoken'";
    term_busy("waiting for your neighbour ...");
    term_guard();
    bool there = client_next(client, &reply);
    term_busy(NULL);
    if (!there && term_stopped()) {
        return fail(again, "stopped; nobody joined by these words, and they are burned");
    }
    if (!there) {
        return fail(again, "the node went away, and the code with it");
    }
    switch ((int)reply.err) {
    case ERR_OK:
        term_note("", 0, "your neighbour's home knew the words, and has its invite");
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

int meet_introduce(const char *text, struct id *community) {
    struct introduction introduction;
    int failed = read_introduction(text, &introduction);
    if (failed == 0 && !term_present()) {
        (void)fail("run it at a terminal", "there is nobody to ask for the words");
        failed = EXIT_NO_TERMINAL;
    }
    if (failed == 0) {
        term_note("", 0, "this is an introduction to a community, not yet an invite:");
        meet_show_home(&introduction.community, &introduction.transport, introduction.address_count,
                       introduction.addresses);
        meet_say_compare();
        *community = introduction.community;
    }
    return failed;
}

int meet_sponsor(struct client *client, const char *text, char code[CODE_MAX_BYTES]) {
    char words[MEET_CODE_BYTES] = "";
    int failed = ask_words(words);
    if (failed == 0) {
        failed = knock(client, text, words, code);
    }
    secret_wipe(words, sizeof words);
    return failed;
}

void meet_show_home(const struct id *community, const struct box_public *sponsor, size_t count,
                    const char addresses[][ADDRESS_MAX_BYTES]) {
    char words[MEET_WORDS_BYTES];
    meet_words((struct bytes){community->b, MEET_KEY_WORDS}, words);
    term_note("  community", MEET_HOME_COLUMNS, words);
    meet_words((struct bytes){sponsor->b, MEET_KEY_WORDS}, words);
    term_note("  sponsor", MEET_HOME_COLUMNS, words);
    for (size_t i = 0; i < count; i++) {
        term_note(i == 0 ? "  where" : "", MEET_HOME_COLUMNS, addresses[i]);
    }
}

void meet_say_compare(void) {
    term_note("", 0, "to be sure of both, ask your neighbour to read out theirs");
}

void meet_show_own(const char *name, const struct invite_code *code) {
    char safe[SAFE_MAX];
    char line[SAFE_MAX];
    (void)snprintf(line, sizeof line,
                   "your neighbour is shown these words for '%.300s' and this home; read them out "
                   "if asked:",
                   safe_text(name, 60, safe));
    term_note("", 0, line);
    meet_show_home(&code->community, &code->transport, 0, code->addresses);
}

static int read_introduction(const char *text, struct introduction *out) {
    if (introduction_read(text, out) != ERR_OK) {
        return fail("copy it whole, from '" INTRODUCTION_PREFIX "' to its end",
                    "this is not a whole introduction");
    }
    return meet_is_over(out, now_wall()) ? fail("ask for a new one", "the introduction has expired")
                                         : 0;
}

/* A slip is told here: only words that there are cost the attempt. */
static int ask_words(char out[MEET_CODE_BYTES]) {
    char answer[8 * MEET_CODE_BYTES];
    struct meet_code code;
    for (int i = 0; i < SLIPS_MAX; i++) {
        const char *wrong = NULL;
        if (!term_ask("number and words that you were told: ", answer, sizeof answer) ||
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
            term_note("", 0, "a number and three words, as in '41 amber river stone'");
        } else {
            say_slip(wrong);
        }
    }
    secret_wipe(answer, sizeof answer);
    (void)fail(NULL, "nothing was done; the code is as good as it was");
    return EXIT_PENDING;
}

static void say_slip(const char *wrong) {
    char safe[SAFE_MAX];
    char line[SAFE_MAX + 128];
    char word[MEET_WORD_BYTES * 2];
    size_t len = strcspn(wrong, " ,.-");
    (void)snprintf(word, sizeof word, "%.*s", (int)(len < sizeof word ? len : sizeof word - 1),
                   wrong);
    struct nearest nearest = nearest_to(word, strlen(word));
    for (size_t k = 0; meet_word(k) != NULL; k++) {
        nearest_consider(&nearest, meet_word(k));
    }
    const char *best = nearest.best;
    (void)snprintf(line, sizeof line,
                   "'%s' is none of the words%s%s%s; nothing is lost, type them again",
                   safe_text(word, 20, safe), best == NULL ? "" : ", did you mean '",
                   best == NULL ? "" : best, best == NULL ? "" : "'");
    term_note("", 0, line);
}

static int knock(struct client *client, const char *text, const char *words,
                 char code[CODE_MAX_BYTES]) {
    static struct control_reply reply;
    struct control_request request = {.op = CONTROL_MEET_JOIN, .blob = BYTES_TEXT(words)};
    (void)snprintf(request.text, sizeof request.text, "%s", text);
    term_note("", 0, "asking the sponsor's home, for a minute at most ...");
    int failed = client_ask(client, &request);
    if (failed == 0 && !client_next(client, &reply)) {
        failed = client_gone();
    }
    const struct bytes *got = &reply.as.data.data;
    if (failed == 0 && reply.kind == CONTROL_GOT_DATA && got->len < CODE_MAX_BYTES) {
        (void)snprintf(code, CODE_MAX_BYTES, "%.*s", (int)got->len, (const char *)got->at);
    } else if (failed == 0) {
        failed = say_not_met(reply.err);
    }
    client_forget(client);
    secret_wipe(&reply, sizeof reply);
    return failed;
}

static int say_not_met(enum err err) {
    static const char again[] = "ask your neighbour for a new one";
    switch ((int)err) {
    case ERR_USER_WORDS:
        return fail(again, "the words did not match; the code is burned");
    case ERR_PEER_TRUNCATED:
        return fail(again, "the sponsor's home broke off; the code is burned");
    case ERR_USER_EXISTS:
        return fail("see which with 'stoop status'",
                    "this home belongs to a community already, or is being let into one");
    case ERR_FULL_TABLE:
        return fail("wait a minute for it, or end it with Ctrl-C",
                    "another 'stoop join' of this home is at it");
    case ERR_USER_NO_ANSWER:
        return fail("ask whether it still waits, and whether it can be reached from outside",
                    "the sponsor's home does not answer to this introduction");
    default:
        return fail(NULL, "the home was not let in: %s", err_text(err));
    }
}

/* ---- meet ---- */

int cmd_meet(struct cli *cli) {
    static struct community_terms community;
    static struct control_reply status;
    static struct pins pins;
    struct id pinned;
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
        failed = pinned_community(cli, &pinned);
    }
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0) {
        failed = client_status(client, &status);
    }
    const struct id self = status.as.status.certificate;
    if (failed == 0) {
        failed = client_community(cli, client, &community);
    }
    if (failed == 0) {
        failed = find_other(client, &community, cli->argv[1], &other.certificate);
    }
    if (failed == 0) {
        failed = check_self(cli, client, &community, &pins, &self);
    }
    if (failed == 0) {
        failed = check_other(client, &community, &other);
    }
    if (failed == 0) {
        failed = exchange(client, &pinned, &self, &other, words);
    }
    if (failed == 0) {
        failed = confirm(cli, &pins, &other, words);
    }
    client_close(client);
    return failed;
}

static int find_other(struct client *client, const struct community_terms *community,
                      const char *word, struct id *out) {
    struct member_list members = {0};
    const struct listed *other = NULL;
    char safe[SAFE_MAX];
    int failed = members_load(client, community, &members);
    if (failed == 0) {
        failed = members_find(&members, word, &other);
    }
    if (failed == 0 && other == members_self(&members)) {
        failed = fail(NULL, "'%s' is this home itself", safe_text(word, 60, safe));
    }
    if (failed == 0) {
        *out = other->id;
    }
    members_finish(&members);
    return failed;
}

/* The words bind both certificates, so ours has to be this home's, whatever the node says. */
static int check_self(const struct cli *cli, struct client *client,
                      const struct community_terms *community, const struct pins *pins,
                      const struct id *self) {
    const struct pinned_place *place = pins_place(pins, place_of(cli));
    struct member member;
    enum err err = client_chain(client, community, self, now_wall(), &member);
    if (err != ERR_OK) {
        return fail(NULL, "this home's own certificate does not verify: %s", err_text(err));
    }
    bool ours = place == NULL || !place->has_node || sign_public_equal(&member.node, &place->node);
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
    char line[SAFE_MAX + 128];
    random_bytes(ours.nonce, sizeof ours.nonce);
    meet_commitment(community, &ours, &theirs.certificate, commitment);
    (void)snprintf(line, sizeof line,
                   "now '%s' has to do the same for this home; waiting, five minutes at most ...",
                   safe_text(other->member.name, 60, safe));
    term_note("", 0, line);
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
    static const struct told told[] = {
        {ERR_USER_EXISTS, "another 'stoop meet' of this home compares words with that one now",
         "answer there, or end it with Ctrl-C"},
        {ERR_FULL_TABLE, "this home compares words with as many others as it can at a time",
         "answer one of them, or end one with Ctrl-C"}};
    const struct control_request ask = {.op = op, .id = *peer, .blob = {say, MEET_NONCE_BYTES}};
    int failed = client_one_told(client, &ask, CONTROL_GOT_DATA, &reply, TOLD(told));
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
    char line[SAFE_MAX + 64];
    (void)safe_text(other->member.name, 60, safe);
    (void)snprintf(line, sizeof line, "you and '%s' read these words to each other:", safe);
    term_note("", 0, line);
    (void)fprintf(stderr, "\n    %s\n\n", words);
    int failed = sent_ask("are they the very same words? [y/N] ", "whether the words are the same",
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
        (void)snprintf(line, sizeof line,
                       "noted, here alone: the keys that you know '%s' by are its own; what was "
                       "answered there is noted there",
                       safe);
        term_text(line);
    }
    return failed;
}
