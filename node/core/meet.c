/* A spoken code (PROTOCOL 4.10): a few words in place of an invite's secret, and CPace between the
 * two nodes, so that whoever was not told them has one guess.
 *
 * Invariants:
 *  1. A code is tried once, whatever comes of it: the attempt is marked in the turn whose effects
 *     bring the answer, and its door is shut from then on.
 *  2. It is kept in memory alone: neither a crash nor an old backup brings one back.
 *  3. The invite leaves, and is let in by, only after the joiner has proved that it knows the
 * words.
 */
#include <stdio.h>
#include <string.h>

#include "crypto/noise.h"
#include "node/core/parts.h"

static const char channel[] = "stoop/1 meet";

static enum err judge_offer(struct core *core, const struct control_request *request,
                            struct introduction *out, struct spoken *spoken);
static bool is_ours(const struct core *core, const struct introduction *introduction,
                    const struct invite_code *code);
static enum err text_of(struct bytes from, char *out, size_t room);
static enum err words_of(struct bytes from, char out[MEET_CODE_BYTES]);
static struct spoken *spoken_by_tag(struct core *core, const struct id *tag);
static struct spoken *spoken_by_link(struct core *core, uint64_t link);
static struct cpace_setup setup_of(const struct core *core, const struct link *link,
                                   const char *words);
static enum err take_attempt(struct core *core, struct link *link, const struct cpace_point *point);
static enum err take_confirmation(struct core *core, struct link *link,
                                  const struct cpace_tag *tag);
static enum err let_in(struct core *core, struct link *link, const struct spoken *spoken);
static enum err spoken_end(struct core *core, struct spoken *spoken, enum err err);
static enum err dial_sponsor(struct core *core);
static enum err begin_attempt(struct core *core, struct link *link);
static enum err take_answer(struct core *core, struct link *link, const struct cpace_point *point,
                            const struct cpace_tag *tag);
static enum err take_code(struct core *core, struct bytes sealed);
static enum err open_code(const struct knock *knock, struct bytes sealed, char out[CODE_MAX_BYTES]);
static enum err knock_end(struct core *core, enum err err);
static void code_cipher(const struct cpace_keys *keys, struct noise_cipher *out);

/* ---- what people ask for ---- */

enum err meet_invite(struct core *core, uint64_t client, const struct control_request *request) {
    struct introduction introduction;
    struct spoken made = {.client = client};
    struct spoken *slot = NULL;
    enum err err = core->is_member ? ERR_OK : ERR_USER_NO_COMMUNITY;
    if (err == ERR_OK) {
        err = judge_offer(core, request, &introduction, &made);
    }
    for (size_t i = 0; err == ERR_OK && i < SPOKEN_MAX; i++) {
        struct spoken *other = &core->spoken[i];
        slot = other->client == 0 ? other : slot;
        if (other->client == client || (other->client != 0 && id_equal(&other->tag, &made.tag))) {
            err = ERR_USER_EXISTS;
        }
    }
    if (err == ERR_OK && slot == NULL) {
        err = ERR_FULL_TABLE;
    }
    if (err == ERR_OK) {
        int64_t life = introduction.expires.ms - core->now.wall.ms;
        made.expires = tick_add(core->now.mono, (struct duration){life});
        *slot = made;
        core->doors_stale = true;
        core_journal(core, "info community: spoken code is out");
        err = control_begun(core, client);
    }
    secret_wipe(&made, sizeof made);
    return err;
}

enum err meet_join(struct core *core, uint64_t client, const struct control_request *request) {
    struct knock *knock = &core->knock;
    struct introduction introduction;
    char words[MEET_CODE_BYTES];
    if (core->is_member || core->join.active) {
        return ERR_USER_EXISTS;
    }
    if (knock->client != 0) {
        return ERR_FULL_TABLE;
    }
    enum err err = introduction_read(request->text, &introduction);
    if (err == ERR_OK) {
        err = words_of(request->blob, words);
    }
    if (err == ERR_OK && meet_is_over(&introduction, core->now.wall)) {
        err = ERR_DENY_EXPIRED;
    }
    if (err == ERR_OK) {
        *knock =
            (struct knock){.client = client,
                           .introduction = introduction,
                           .give_up = tick_add(core->now.mono, (struct duration){JOIN_TIME_MS}),
                           .retry = core->now.mono};
        memcpy(knock->words, words, sizeof knock->words);
    }
    secret_wipe(words, sizeof words);
    return err;
}

enum err meet_client_down(struct core *core, uint64_t client) {
    uint64_t ends = 0;
    for (size_t i = 0; i < SPOKEN_MAX; i++) {
        if (core->spoken[i].client == client) {
            ends = core->spoken[i].link;
            secret_wipe(&core->spoken[i], sizeof core->spoken[i]);
            core->doors_stale = true;
        }
    }
    if (core->knock.client == client) {
        ends = core->knock.link;
        secret_wipe(&core->knock, sizeof core->knock);
    }
    struct link *link = links_find(core, ends);
    return link == NULL ? ERR_OK : core_close(core, link, NULL);
}

/* ---- links ---- */

void meet_doors(struct core *core) {
    for (size_t i = 0; i < SPOKEN_MAX; i++) {
        const struct spoken *spoken = &core->spoken[i];
        if (spoken->client == 0 || spoken->link != 0) {
            continue;
        }
        size_t door = core->door_count++;
        doors_key(TRANSPORT_MEET, (struct bytes){spoken->tag.b, 16}, community_id(core->community),
                  (uint32_t)door, &core->doors[door]);
        core->doors[door].bare = true; /* the tag is no secret: our certificate is not for all */
        core->door_refs[door].about = spoken->tag;
    }
}

enum err meet_established(struct core *core, struct link *link) {
    if (link->purpose == PURPOSE_MEET) {
        return begin_attempt(core, link);
    }
    const struct spoken *spoken = spoken_by_tag(core, &link->about);
    return spoken == NULL || spoken->link != 0 ? ERR_PEER_SEQUENCE : ERR_OK; /* it speaks first */
}

enum err meet_message(struct core *core, struct link *link, const struct link_message *message) {
    bool joiner = link->purpose == PURPOSE_MEET && core->knock.link == link->no;
    if (message->kind == LINK_MEET_SHARE && joiner) {
        return take_answer(core, link, &message->as.meet_share.point, &message->as.meet_share.tag);
    }
    if (message->kind == LINK_MEET_CODE && joiner && core->knock.proved) {
        return take_code(core, message->as.meet_code.sealed);
    }
    if (message->kind == LINK_MEET_SHARE && link->purpose == PURPOSE_IN) {
        return take_attempt(core, link, &message->as.meet_share.point);
    }
    if (message->kind == LINK_MEET_CONFIRM && link->purpose == PURPOSE_IN) {
        return take_confirmation(core, link, &message->as.meet_confirm.tag);
    }
    return ERR_PEER_SEQUENCE;
}

enum err meet_link_down(struct core *core, const struct link *link) {
    struct knock *knock = &core->knock;
    struct spoken *spoken = spoken_by_link(core, link->no);
    if (spoken != NULL) {
        return spoken_end(core, spoken, ERR_PEER_TRUNCATED);
    }
    if (knock->client == 0 || knock->link != link->no) {
        return ERR_OK;
    }
    knock->link = 0;
    knock->retry = tick_add(core->now.mono, (struct duration){1000});
    return knock->begun ? knock_end(core, ERR_PEER_TRUNCATED) : ERR_OK;
}

/* ---- time ---- */

struct tick meet_deadline(const struct core *core) {
    struct tick due = TICK_NEVER;
    for (size_t i = 0; i < SPOKEN_MAX; i++) {
        if (core->spoken[i].client != 0) {
            due = tick_earliest(due, core->spoken[i].expires);
        }
    }
    if (core->knock.client != 0) {
        due = tick_earliest(due, core->knock.give_up);
        due = core->knock.link == 0 ? tick_earliest(due, core->knock.retry) : due;
    }
    return due;
}

/* A code whose attempt is under way has its minute too: whoever began it may not hold it open. */
enum err meet_tick(struct core *core) {
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < SPOKEN_MAX; i++) {
        struct spoken *spoken = &core->spoken[i];
        if (spoken->client != 0 && tick_reached(core->now.mono, spoken->expires)) {
            struct link *link = links_find(core, spoken->link);
            err = spoken_end(core, spoken, link == NULL ? ERR_DENY_EXPIRED : ERR_PEER_TRUNCATED);
            if (err == ERR_OK && link != NULL) {
                err = core_close(core, link, NULL);
            }
        }
    }
    struct knock *knock = &core->knock;
    if (err != ERR_OK || knock->client == 0) {
        return err;
    }
    if (tick_reached(core->now.mono, knock->give_up)) {
        return knock_end(core, knock->begun ? ERR_PEER_TRUNCATED : ERR_USER_NO_ANSWER);
    }
    if (knock->link == 0 && tick_reached(core->now.mono, knock->retry)) {
        knock->retry = tick_add(core->now.mono, (struct duration){DIAL_TIME_MS});
        return dial_sponsor(core);
    }
    return ERR_OK;
}

/* ---- the sponsor's node ---- */

/* All of it is our owner's word, and of one piece. */
static enum err judge_offer(struct core *core, const struct control_request *request,
                            struct introduction *out, struct spoken *spoken) {
    char text[CODE_MAX_BYTES];
    struct invite_code code;
    struct store_invite row;
    SCOPED(buffer_finish) struct buffer invite = {.max = SIGNED_GOSSIP_MAX};
    enum err err = text_of(request->blob, text, sizeof text);
    if (err == ERR_OK) {
        err = introduction_read(text, out);
    }
    if (err == ERR_OK) {
        err = words_of(request->blob2, spoken->words);
    }
    if (err == ERR_OK) {
        err = invite_code_read(request->text, &code);
    }
    if (err != ERR_OK) {
        return err;
    }
    int64_t life = out->expires.ms - core->now.wall.ms;
    if (!is_ours(core, out, &code)) {
        err = ERR_PEER_BOUNDS;
    } else if (life <= 0 || life > (int64_t)MEET_MINUTES_MAX * DURATION_MINUTE_MS) {
        err = ERR_DENY_TIME;
    }
    if (err == ERR_OK) {
        err = invite_code_signed(&code, &invite);
    }
    if (err == ERR_OK) {
        err = join_judge_invite(core, buffer_bytes(&invite), code.secret, &row);
    }
    if (err == ERR_OK) {
        memcpy(spoken->tag.b, out->tag, sizeof out->tag);
        (void)snprintf(spoken->code, sizeof spoken->code, "%s", request->text);
    }
    secret_wipe(&code, sizeof code);
    return err;
}

static bool is_ours(const struct core *core, const struct introduction *introduction,
                    const struct invite_code *code) {
    return id_equal(&introduction->community, community_id(core->community)) &&
           id_equal(&introduction->sponsor, &core->self) &&
           box_public_equal(&introduction->transport, &core->transport_public) &&
           id_equal(&code->community, &introduction->community) &&
           id_equal(&code->sponsor, &introduction->sponsor) &&
           box_public_equal(&code->transport, &introduction->transport);
}

static enum err text_of(struct bytes from, char *out, size_t room) {
    if (from.len >= room || memchr(from.at, '\0', from.len) != NULL) {
        return ERR_PEER_BOUNDS;
    }
    memcpy(out, from.at, from.len);
    out[from.len] = '\0';
    return ERR_OK;
}

static enum err words_of(struct bytes from, char out[MEET_CODE_BYTES]) {
    char text[4 * MEET_CODE_BYTES];
    struct meet_code code;
    const char *wrong = NULL;
    enum err err = text_of(from, text, sizeof text);
    if (err == ERR_OK) {
        err = meet_code_read(text, &code, &wrong);
    }
    if (err == ERR_OK) {
        meet_code_write(&code, out);
    }
    secret_wipe(text, sizeof text);
    secret_wipe(&code, sizeof code);
    return err;
}

static struct spoken *spoken_by_tag(struct core *core, const struct id *tag) {
    for (size_t i = 0; i < SPOKEN_MAX; i++) {
        if (core->spoken[i].client != 0 && id_equal(&core->spoken[i].tag, tag)) {
            return &core->spoken[i];
        }
    }
    return NULL;
}

static struct spoken *spoken_by_link(struct core *core, uint64_t link) {
    for (size_t i = 0; i < SPOKEN_MAX; i++) {
        if (core->spoken[i].client != 0 && core->spoken[i].link == link) {
            return &core->spoken[i];
        }
    }
    return NULL;
}

/* The joiner is the initiator. Both static keys are in the session already, which is the hash of
 * the whole handshake; as the sides' own data they tell the two tags apart. */
static struct cpace_setup setup_of(const struct core *core, const struct link *link,
                                   const char *words) {
    bool initiator = link->purpose == PURPOSE_MEET;
    const struct box_public *joiner = initiator ? &core->transport_public : &link->peer_static;
    const struct box_public *sponsor = initiator ? &link->peer_static : &core->transport_public;
    return (struct cpace_setup){.initiator = initiator,
                                .password = BYTES_TEXT(words),
                                .channel = BYTES_TEXT(channel),
                                .session = BYTES_OF(link->session),
                                .initiator_data = BYTES_OF(joiner->b),
                                .responder_data = BYTES_OF(sponsor->b)};
}

static enum err take_attempt(struct core *core, struct link *link,
                             const struct cpace_point *point) {
    struct spoken *spoken = spoken_by_tag(core, &link->about);
    struct link_message answer = {.kind = LINK_MEET_SHARE};
    uint8_t random[CPACE_RANDOM_BYTES];
    SCOPED(cpace_secret_wipe) struct cpace_secret secret = {{0}};
    if (spoken == NULL || spoken->link != 0) {
        return ERR_PEER_SEQUENCE; /* somebody was first */
    }
    spoken->link = link->no;
    spoken->expires = tick_add(core->now.mono, (struct duration){JOIN_TIME_MS});
    core->doors_stale = true;
    core_random_bytes(core, random, sizeof random);
    const struct cpace_setup setup = setup_of(core, link, spoken->words);
    cpace_begin(&setup, random, &secret, &answer.as.meet_share.point);
    secret_wipe(random, sizeof random);
    bool good = cpace_end(&setup, &secret, &answer.as.meet_share.point, point, &spoken->keys);
    secret_wipe(spoken->words, sizeof spoken->words);
    if (!good) {
        enum err err = spoken_end(core, spoken, ERR_USER_WORDS);
        return err == ERR_OK ? ERR_PEER_MALFORMED : err;
    }
    answer.as.meet_share.tag = spoken->keys.own;
    return core_send(core, link, &answer);
}

static enum err take_confirmation(struct core *core, struct link *link,
                                  const struct cpace_tag *tag) {
    struct spoken *spoken = spoken_by_link(core, link->no);
    if (spoken == NULL) {
        return ERR_PEER_SEQUENCE;
    }
    if (!cpace_tag_equal(tag, &spoken->keys.others)) {
        enum err err = spoken_end(core, spoken, ERR_USER_WORDS);
        return err == ERR_OK ? core_close(core, link, NULL) : err;
    }
    enum err err = let_in(core, link, spoken);
    return err == ERR_OK ? spoken_end(core, spoken, ERR_OK) : err;
}

/* From here on it is an invite like any other. */
static enum err let_in(struct core *core, struct link *link, const struct spoken *spoken) {
    uint8_t sealed[LINK_MEET_CODE_MAX];
    struct invite_code code;
    struct noise_cipher cipher;
    struct bytes text = BYTES_TEXT(spoken->code);
    struct link_message message = {.kind = LINK_MEET_CODE,
                                   .as.meet_code.sealed = {sealed, text.len + NOISE_TAG_BYTES}};
    SCOPED(buffer_finish) struct buffer invite = {.max = SIGNED_GOSSIP_MAX};
    enum err err = invite_code_read(spoken->code, &code);
    if (err == ERR_OK) {
        err = invite_code_signed(&code, &invite);
    }
    if (err == ERR_OK) {
        err = join_invite(core, buffer_bytes(&invite), code.secret);
    }
    secret_wipe(&code, sizeof code);
    code_cipher(&spoken->keys, &cipher);
    if (err == ERR_OK && !noise_seal(&cipher, (struct bytes){NULL, 0}, text, sealed)) {
        err = ERR_FULL_BUFFER;
    }
    noise_cipher_wipe(&cipher);
    return err == ERR_OK ? core_send(core, link, &message) : err;
}

static enum err spoken_end(struct core *core, struct spoken *spoken, enum err err) {
    uint64_t client = spoken->client;
    secret_wipe(spoken, sizeof *spoken);
    core->doors_stale = true;
    core_journal(core, "%s community: spoken code ended reason=\"%s\"",
                 err == ERR_OK ? "info" : "warn", err_text(err));
    return control_done(core, client, err, "");
}

/* ---- the joiner's node ---- */

static enum err dial_sponsor(struct core *core) {
    struct knock *knock = &core->knock;
    const struct introduction *to = &knock->introduction;
    struct transport_door_key door;
    const struct id nobody = {{0}};
    doors_key(TRANSPORT_MEET, BYTES_OF(to->tag), &to->community, 0, &door);
    for (size_t i = 0; i < to->address_count; i++) {
        const char *address = to->addresses[knock->next_address++ % to->address_count];
        if (core_may_dial(core, address)) {
            enum err err = core_dial(core, PURPOSE_MEET, &nobody, address, &door, &to->transport,
                                     (struct bytes){NULL, 0}, &knock->link);
            return err == ERR_FULL_LINKS || err == ERR_PEER_HANDSHAKE ? ERR_OK : err;
        }
    }
    return ERR_OK;
}

static enum err begin_attempt(struct core *core, struct link *link) {
    struct knock *knock = &core->knock;
    struct link_message share = {.kind = LINK_MEET_SHARE};
    uint8_t random[CPACE_RANDOM_BYTES];
    if (knock->client == 0 || knock->link != link->no || knock->begun) {
        return ERR_PEER_SEQUENCE;
    }
    const struct cpace_setup setup = setup_of(core, link, knock->words);
    core_random_bytes(core, random, sizeof random);
    cpace_begin(&setup, random, &knock->secret, &knock->point);
    secret_wipe(random, sizeof random);
    knock->begun = true;
    share.as.meet_share.point = knock->point;
    return core_send(core, link, &share);
}

/* Where the sponsor's tag does not fit we send none of our own: whoever answered has learnt that
 * its words are others, and nothing more. */
static enum err take_answer(struct core *core, struct link *link, const struct cpace_point *point,
                            const struct cpace_tag *tag) {
    struct knock *knock = &core->knock;
    struct link_message confirm = {.kind = LINK_MEET_CONFIRM};
    const struct cpace_setup setup = setup_of(core, link, knock->words);
    if (knock->proved) {
        return ERR_PEER_SEQUENCE;
    }
    knock->proved = cpace_end(&setup, &knock->secret, &knock->point, point, &knock->keys) &&
                    cpace_tag_equal(tag, &knock->keys.others);
    if (knock->proved) {
        confirm.as.meet_confirm.tag = knock->keys.own;
    }
    enum err err = core_send(core, link, &confirm);
    return err == ERR_OK && !knock->proved ? knock_end(core, ERR_USER_WORDS) : err;
}

static enum err take_code(struct core *core, struct bytes sealed) {
    char text[CODE_MAX_BYTES];
    enum err err = open_code(&core->knock, sealed, text);
    if (err == ERR_OK) {
        err = control_data(core, core->knock.client, BYTES_TEXT(text));
        core->knock.client = err == ERR_OK ? 0 : core->knock.client;
    }
    secret_wipe(text, sizeof text);
    return core_is_fatal(err) ? err : knock_end(core, err);
}

/* It has to be an invite of the very sponsor whose words were checked. */
static enum err open_code(const struct knock *knock, struct bytes sealed,
                          char out[CODE_MAX_BYTES]) {
    const struct introduction *to = &knock->introduction;
    struct noise_cipher cipher;
    struct invite_code code;
    char text[CODE_MAX_BYTES] = "";
    if (sealed.len < NOISE_TAG_BYTES || sealed.len - NOISE_TAG_BYTES >= sizeof text) {
        return ERR_PEER_BOUNDS;
    }
    code_cipher(&knock->keys, &cipher);
    bool opened = noise_open(&cipher, (struct bytes){NULL, 0}, sealed, (uint8_t *)text);
    noise_cipher_wipe(&cipher);
    text[sealed.len - NOISE_TAG_BYTES] = '\0';
    enum err err = opened ? invite_code_read(text, &code) : ERR_PEER_SIGNATURE;
    if (err == ERR_OK &&
        (strlen(text) != sealed.len - NOISE_TAG_BYTES ||
         !id_equal(&code.community, &to->community) || !id_equal(&code.sponsor, &to->sponsor) ||
         !box_public_equal(&code.transport, &to->transport))) {
        err = ERR_USER_INVITE;
    }
    if (err == ERR_OK) {
        memcpy(out, text, sizeof text);
    }
    secret_wipe(text, sizeof text);
    secret_wipe(&code, sizeof code);
    return err;
}

/* Tells whoever waits, unless it was told; nothing is left. */
static enum err knock_end(struct core *core, enum err err) {
    struct link *link = links_find(core, core->knock.link);
    uint64_t client = core->knock.client;
    secret_wipe(&core->knock, sizeof core->knock);
    enum err done = client == 0 ? ERR_OK : control_done(core, client, err, "");
    return done == ERR_OK && link != NULL ? core_close(core, link, NULL) : done;
}

static void code_cipher(const struct cpace_keys *keys, struct noise_cipher *out) {
    *out = (struct noise_cipher){.nonce = 0};
    hash_labelled("stoop meet code v1", BYTES_OF(keys->isk), (struct bytes){NULL, 0}, out->key,
                  sizeof out->key);
}
