/* Treaties, rolls, gateways, crossings: shapes and checks (PROTOCOL 4.12 to 4.14). */
#include "proto/treaty.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "proto/shapes.h"

#define ROW SHAPE_ROW
#define ARRAY SHAPE_ARRAY
#define NEEDED .required = true

enum {
    TEXT_CHECK = 4, /* bytes at the end of a text */
    TREATY_ROLES = 1 << MEMBER_HOME | 1 << MEMBER_REQUESTER | 1 << MEMBER_ADMINISTRATOR,
};

struct tree { /* every hash of it, level by level, each half as long as the one below */
    size_t count;
    struct id hashes[2 * ROLL_MEMBERS_MAX + ROLL_PROOF_MAX];
    size_t levels[ROLL_PROOF_MAX]; /* where each begins */
};

static const char side_label[] = "stoop treaty side v1";
static const char treaty_label[] = "stoop treaty v1";

static bool sides_differ(const struct treaty *treaty);
static enum err text_read(const char *text, const char *prefix, const char *label,
                          struct buffer *out);
static enum err text_write(const char *prefix, const char *label, struct buffer *body,
                           char text[TREATY_TEXT_MAX]);
static void text_checksum(const char *label, struct bytes over, uint8_t out[TEXT_CHECK]);
static void gateway_hash(const struct id *treaty, const struct id *object,
                         const struct id *certificate, uint8_t out[32]);
static int compare_ids(const void *a, const void *b);
static bool read_tree(void *context, unsigned level, uint64_t index, struct id *out);
static bool goes_before(const struct roll *one, const struct roll *other, struct instant now);
static enum err verify_roll(const struct treaty_side *side, struct bytes signed_roll,
                            struct instant now, size_t *clerk, struct roll *out);
static enum err verify_request(const struct crossing *crossing, const struct treaty *treaty,
                               const struct treaty_side *far, struct instant now,
                               struct crossed *out);
static enum err verify_withdrawal(const struct crossing *crossing, struct instant now,
                                  struct crossed *out);
static enum err verify_crossed_roll(const struct crossing *crossing, struct instant now,
                                    const struct crossed *crossed);
static bool signed_by_owner_of(const struct signed_object *object, const struct member *member);
static enum err verify_author(const struct head *head, const struct crossing *crossing,
                              struct instant now, const struct far_member *author);

/* ---- shapes ---- */

static const struct shape_field side_rows[] = {
    ROW(1, SHAPE_FIXED, struct treaty_side, community, NEEDED),
    ROW(2, SHAPE_TEXT, struct treaty_side, name, NEEDED),
    ARRAY(3, SHAPE_FIXED, struct treaty_side, founders, founder_count, NEEDED),
    ROW(4, SHAPE_U32, struct treaty_side, allowance, .max = 64),
    ARRAY(5, SHAPE_FIXED, struct treaty_side, clerks, clerk_count, NEEDED),
    SHAPE_OPTIONAL(6, struct treaty_side, area, has_area, .sub = &place_shape),
};
static const struct shape treaty_side_shape = SHAPE_OF("TreatySide", side_rows, NULL);

static bool treaty_check(const void *plain) {
    const struct treaty *treaty = plain;
    return treaty->side_count == 2 && sides_differ(treaty) &&
           treaty->created.ms < treaty->until.ms && (treaty->instruments & 1) == 0 &&
           (treaty->roles & ~(uint32_t)TREATY_ROLES) == 0;
}
static const struct shape_field treaty_rows[] = {
    ROW(1, SHAPE_TIME, struct treaty, created, NEEDED),
    ROW(2, SHAPE_TIME, struct treaty, until, NEEDED),
    ARRAY(3, SHAPE_MESSAGE, struct treaty, sides, side_count, NEEDED, .sub = &treaty_side_shape),
    ROW(4, SHAPE_U32, struct treaty, instruments, NEEDED, .min = 2, .max = 254),
    ROW(5, SHAPE_U32, struct treaty, roles, NEEDED, .min = 2, .max = 14),
    ROW(6, SHAPE_MESSAGE, struct treaty, caps, NEEDED, .sub = &caps_shape),
    ROW(7, SHAPE_U32, struct treaty, daily, NEEDED, .min = 1, .max = 64),
};
const struct shape treaty_shape = SHAPE_OF("Treaty", treaty_rows, treaty_check);

static bool roll_check(const void *plain) {
    const struct roll *roll = plain;
    for (size_t i = 0; i < roll->role_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (roll->roles[i].role == roll->roles[k].role) {
                return false;
            }
        }
    }
    return !id_is_zero(&roll->head.author) && roll->head.expires.ms - roll->head.created.ms <=
                                                  ROLL_LIFE_HOURS * (int64_t)DURATION_HOUR_MS;
}
static const struct shape_field roll_rows[] = {
    ROW(1, SHAPE_MESSAGE, struct roll, head, NEEDED, .sub = &head_shape),
    ROW(2, SHAPE_FIXED, struct roll, act, NEEDED),
    ROW(3, SHAPE_U32, struct roll, version, NEEDED, .min = 1, .max = ACTS_MAX),
    ROW(4, SHAPE_MESSAGE, struct roll, caps, NEEDED, .sub = &caps_shape),
    ARRAY(5, SHAPE_MESSAGE, struct roll, roles, role_count, .sub = &role_rule_shape),
    ROW(6, SHAPE_U32, struct roll, member_count, NEEDED, .min = 1, .max = ROLL_MEMBERS_MAX),
    ROW(7, SHAPE_FIXED, struct roll, members, NEEDED),
    ARRAY(8, SHAPE_FIXED, struct roll, removed, removed_count),
    ARRAY(9, SHAPE_FIXED, struct roll, treaties, treaty_count),
};
const struct shape roll_shape = SHAPE_OF("Roll", roll_rows, roll_check);

static const struct shape_field gateway_rows[] = {
    ROW(1, SHAPE_MESSAGE, struct gateway, head, NEEDED, .sub = &head_shape),
    ROW(2, SHAPE_FIXED, struct gateway, treaty, NEEDED),
    ROW(3, SHAPE_BOOL, struct gateway, ended),
};
static bool gateway_check(const void *plain) {
    const struct gateway *gateway = plain;
    return !id_is_zero(&gateway->head.author);
}
const struct shape gateway_shape = SHAPE_OF("Gateway", gateway_rows, gateway_check);

static const struct shape_field membership_rows[] = {
    ARRAY(1, SHAPE_BYTES, struct membership, chain, chain_count, NEEDED,
          .max = CERTIFICATE_BYTES_MAX),
    ROW(2, SHAPE_BYTES, struct membership, roll, NEEDED, .max = ROLL_BYTES_MAX),
    ROW(3, SHAPE_U32, struct membership, index, .max = ROLL_MEMBERS_MAX - 1),
    ARRAY(4, SHAPE_PACKED, struct membership, hashes, hash_count),
};
const struct shape membership_shape = SHAPE_OF("Membership", membership_rows, NULL);

static const struct shape_field crossing_rows[] = {
    ROW(1, SHAPE_MESSAGE, struct crossing, head, NEEDED, .sub = &head_shape),
    ROW(2, SHAPE_FIXED, struct crossing, treaty, NEEDED),
    ROW(3, SHAPE_BYTES, struct crossing, object, NEEDED, .max = CROSSING_OBJECT_MAX),
    ROW(4, SHAPE_MESSAGE, struct crossing, membership, NEEDED, .sub = &membership_shape),
};
static bool crossing_check(const void *plain) {
    const struct crossing *crossing = plain;
    return !id_is_zero(&crossing->head.author);
}
const struct shape crossing_shape = SHAPE_OF("Crossing", crossing_rows, crossing_check);

CODEC(treaty_side, struct treaty_side)
CODEC_LARGE(treaty, struct treaty)
CODEC_LARGE(roll, struct roll)
CODEC(gateway, struct gateway)
CODEC(membership, struct membership)
CODEC(crossing, struct crossing)

static bool sides_differ(const struct treaty *treaty) {
    bool differ = id_compare(&treaty->sides[0].community, &treaty->sides[1].community) < 0;
    for (size_t i = 0; i < 2; i++) {
        const struct treaty_side *side = &treaty->sides[i];
        for (size_t k = 1; k < side->clerk_count; k++) {
            for (size_t j = 0; j < k; j++) {
                differ = differ && !sign_public_equal(&side->clerks[k], &side->clerks[j]);
            }
        }
    }
    return differ;
}

/* ---- as text ---- */

enum err treaty_side_read(const char *text, struct treaty_side *out) {
    SCOPED(buffer_finish) struct buffer body = {.max = TREATY_BODY_MAX + TEXT_CHECK};
    enum err err = text_read(text, TREATY_SIDE_PREFIX, side_label, &body);
    return err == ERR_OK ? treaty_side_decode(buffer_bytes(&body), out) : err;
}

enum err treaty_side_write(const struct treaty_side *side, char text[TREATY_TEXT_MAX]) {
    SCOPED(buffer_finish) struct buffer body = {.max = TREATY_BODY_MAX + TEXT_CHECK};
    enum err err = treaty_side_encode(side, &body);
    return err == ERR_OK ? text_write(TREATY_SIDE_PREFIX, side_label, &body, text) : err;
}

enum err treaty_read(const char *text, struct treaty *out) {
    SCOPED(buffer_finish) struct buffer body = {.max = TREATY_BODY_MAX + TEXT_CHECK};
    enum err err = text_read(text, TREATY_PREFIX, treaty_label, &body);
    return err == ERR_OK ? treaty_decode(buffer_bytes(&body), out) : err;
}

enum err treaty_write(const struct treaty *treaty, char text[TREATY_TEXT_MAX]) {
    SCOPED(buffer_finish) struct buffer body = {.max = TREATY_BODY_MAX + TEXT_CHECK};
    enum err err = treaty_encode(treaty, &body);
    return err == ERR_OK ? text_write(TREATY_PREFIX, treaty_label, &body, text) : err;
}

/* The body that it stands for. */
static enum err text_read(const char *text, const char *prefix, const char *label,
                          struct buffer *out) {
    uint8_t raw[TREATY_BODY_MAX + TEXT_CHECK];
    uint8_t check[TEXT_CHECK];
    size_t len = 0;
    if (strncmp(text, prefix, strlen(prefix)) != 0 ||
        base64url_read(BYTES_TEXT(text + strlen(prefix)), raw, sizeof raw, &len) != ERR_OK ||
        len <= TEXT_CHECK) {
        return ERR_USER_SYNTAX;
    }
    const struct bytes body = {raw, len - TEXT_CHECK};
    text_checksum(label, body, check);
    return memcmp(check, raw + body.len, TEXT_CHECK) == 0 ? buffer_append(out, body)
                                                          : ERR_USER_SYNTAX;
}

static enum err text_write(const char *prefix, const char *label, struct buffer *body,
                           char text[TREATY_TEXT_MAX]) {
    uint8_t check[TEXT_CHECK];
    static_assert(sizeof TREATY_PREFIX + BASE64_ROOM(TREATY_BODY_MAX + TEXT_CHECK) <=
                      TREATY_TEXT_MAX,
                  "the longest one fits");
    if (body->len > TREATY_BODY_MAX) {
        return ERR_FULL_BUFFER;
    }
    text_checksum(label, buffer_bytes(body), check);
    enum err err = buffer_append(body, BYTES_OF(check));
    if (err == ERR_OK) {
        memcpy(text, prefix, strlen(prefix));
        base64url_write(buffer_bytes(body), text + strlen(prefix));
    }
    return err;
}

/* A typing error is told from another treaty. */
static void text_checksum(const char *label, struct bytes over, uint8_t out[TEXT_CHECK]) {
    uint8_t hash[16];
    hash_labelled(label, (struct bytes){NULL, 0}, over, hash, sizeof hash);
    memcpy(out, hash, TEXT_CHECK);
}

/* ---- sides ---- */

const struct treaty_side *treaty_side(const struct treaty *treaty, const struct id *community) {
    for (size_t i = 0; i < 2; i++) {
        if (id_equal(&treaty->sides[i].community, community)) {
            return &treaty->sides[i];
        }
    }
    return NULL;
}

const struct treaty_side *treaty_far_side(const struct treaty *treaty, const struct id *community) {
    const struct treaty_side *own = treaty_side(treaty, community);
    return own == NULL ? NULL : &treaty->sides[own == &treaty->sides[0] ? 1 : 0];
}

bool treaty_side_fits(const struct treaty_side *side, const struct governance *governance) {
    const struct charter *founding = &governance->founding;
    bool fits = id_equal(&side->community, &governance->community) &&
                side->allowance == founding->invite_allowance &&
                side->founder_count == founding->administrator_count;
    for (size_t i = 0; fits && i < side->founder_count; i++) {
        fits = sign_public_equal(&side->founders[i], &founding->administrators[i]);
    }
    return fits;
}

enum err treaty_lets(const struct treaty *treaty, const struct treaty_side *far,
                     const struct request *request, enum member_role role) {
    int64_t span_ms = request->to.ms - request->from.ms;
    if ((treaty->roles >> role & 1) == 0) {
        return ERR_DENY_ROLE;
    }
    if ((treaty->instruments >> request->instrument.kind & 1) == 0 ||
        (far->has_area && !geo_place_inside(&request->place, &far->area))) {
        return ERR_DENY_TREATY;
    }
    return span_ms <= (int64_t)treaty->caps.span_s * 1000 &&
                   geo_place_area_m2(&request->place) <= treaty->caps.area_m2
               ? ERR_OK
               : ERR_DENY_CAP;
}

bool treaties_let(const struct governance *governance, const struct request *request,
                  enum member_role role, struct instant at) {
    for (size_t i = 0; i < governance->treaty_count; i++) {
        const struct agreed *agreed =
            governance_treaty(governance, &governance->treaties[i].id, at);
        if (agreed != NULL &&
            treaty_crosses(&agreed->treaty, &governance->community, request, role) == ERR_OK) {
            return true;
        }
    }
    return false;
}

bool treaties_let_once(const struct governance *governance, const struct request *request,
                       enum member_role role, struct instant now) {
    return treaties_let(governance, request, role, request->head.created) ||
           treaties_let(governance, request, role, now);
}

struct instant treaty_since(const struct agreed *agreed) {
    return agreed->began.ms > agreed->treaty.created.ms ? agreed->began : agreed->treaty.created;
}

struct instant treaties_since(const struct governance *governance, const struct agreed *agreed) {
    const struct treaty_side *far = treaty_far_side(&agreed->treaty, &governance->community);
    struct instant since = treaty_since(agreed);
    for (size_t i = 0; i < governance->treaty_count; i++) {
        const struct agreed *other = &governance->treaties[i];
        bool same =
            far != NULL && other->by != 0 && treaty_side(&other->treaty, &far->community) != NULL;
        since = same && treaty_since(other).ms < since.ms ? treaty_since(other) : since;
    }
    return since;
}

enum err treaty_crosses(const struct treaty *treaty, const struct id *from,
                        const struct request *request, enum member_role role) {
    const struct treaty_side *far = treaty_far_side(treaty, from);
    if (far == NULL || !id_equal(&request->head.community, from)) {
        return ERR_PEER_CERTIFICATE;
    }
    return treaty_lets(treaty, far, request, role);
}

/* ---- gateways ---- */

bool gateway_before(const struct id *treaty, const struct id *object, const struct id *one,
                    const struct id *other) {
    uint8_t hash_of_one[32];
    uint8_t hash_of_other[32];
    gateway_hash(treaty, object, one, hash_of_one);
    gateway_hash(treaty, object, other, hash_of_other);
    return memcmp(hash_of_one, hash_of_other, sizeof hash_of_one) < 0;
}

static void gateway_hash(const struct id *treaty, const struct id *object,
                         const struct id *certificate, uint8_t out[32]) {
    uint8_t key[64];
    memcpy(key, treaty->b, sizeof treaty->b);
    memcpy(key + sizeof treaty->b, object->b, sizeof object->b);
    hash_labelled("stoop gateway", BYTES_OF(key), BYTES_OF(certificate->b), out, 32);
}

void treaty_asker(const struct governance *governance, const struct agreed *agreed,
                  const struct far_member *author, struct asker *out) {
    const struct charter *charter = &governance->charter;
    const uint32_t by_treaty = agreed->treaty.caps.live_requests;
    const uint32_t there = author->roll.caps.live_requests;
    const uint32_t most = by_treaty < there ? by_treaty : there;
    *out = (struct asker){
        .role = author->member.role,
        .account = author->certificate,
        .instruments = charter_instruments(charter, author->member.role),
        .live_requests = most < charter->caps.live_requests ? most : charter->caps.live_requests};
}

/* ---- rolls ---- */

enum err roll_tree(struct id *ids, size_t count, const struct id *member, struct id *root,
                   struct membership *out) {
    static_assert(1 << ROLL_PROOF_MAX > ROLL_MEMBERS_MAX, "each level has its place");
    struct tree *tree = calloc(1, sizeof *tree);
    struct merkle_edge edge = {.size = 0};
    struct merkle_proof proof;
    size_t index = count;
    ASSERT(count <= ROLL_MEMBERS_MAX);
    if (tree == NULL) {
        return ERR_HOST_MEMORY;
    }
    qsort(ids, count, sizeof *ids, compare_ids);
    tree->count = count;
    for (size_t i = 0; i < count; i++) {
        merkle_leaf((struct bytes){ids[i].b, sizeof ids[i].b}, &tree->hashes[i]);
        merkle_append(&edge, &tree->hashes[i]);
        index = member != NULL && id_equal(&ids[i], member) ? i : index;
    }
    merkle_root(&edge, root);
    size_t below = 0;
    for (size_t level = 1, wide = count / 2; wide > 0; level++, wide /= 2) {
        size_t at = below + (count >> (level - 1));
        tree->levels[level] = at;
        for (size_t i = 0; i < wide; i++) {
            merkle_node(&tree->hashes[below + 2 * i], &tree->hashes[below + 2 * i + 1],
                        &tree->hashes[at + i]);
        }
        below = at;
    }
    bool found = member == NULL ||
                 (index < count && merkle_prove_inclusion(index, count, read_tree, tree, &proof));
    free(tree);
    if (found && member != NULL) {
        out->index = (uint32_t)index;
        out->hash_count = proof.count;
        memcpy(out->hashes, proof.hashes, proof.count * sizeof proof.hashes[0]);
    }
    return found ? ERR_OK : ERR_USER_NOT_FOUND;
}

static int compare_ids(const void *a, const void *b) {
    return id_compare(a, b);
}

static bool read_tree(void *context, unsigned level, uint64_t index, struct id *out) {
    const struct tree *tree = context;
    if (level >= ROLL_PROOF_MAX || index >= tree->count >> level) {
        return false;
    }
    *out = tree->hashes[tree->levels[level] + index];
    return true;
}

enum err roll_verify(const struct treaty_side *side, struct bytes signed_roll, struct instant now,
                     struct roll *out) {
    size_t clerk = 0;
    return verify_roll(side, signed_roll, now, &clerk, out);
}

static enum err verify_roll(const struct treaty_side *side, struct bytes signed_roll,
                            struct instant now, size_t *clerk, struct roll *out) {
    struct signed_object object;
    enum err err = signed_decode(signed_roll, &object);
    if (err == ERR_OK) {
        err = object.kind == OBJECT_ROLL ? roll_decode(object.body, out) : ERR_PEER_CERTIFICATE;
    }
    if (err != ERR_OK) {
        return err;
    }
    *clerk = roll_clerk(side, &object);
    if (*clerk == side->clerk_count) {
        return ERR_PEER_SIGNATURE;
    }
    if (!id_equal(&out->head.community, &side->community)) {
        return ERR_PEER_CERTIFICATE;
    }
    if (out->head.created.ms > now.ms + ROLL_FUTURE_MAX_MS) {
        return ERR_DENY_TIME;
    }
    return instant_reached(now, out->head.expires) ? ERR_DENY_EXPIRED : ERR_OK;
}

size_t roll_clerk(const struct treaty_side *side, const struct signed_object *roll) {
    size_t clerk = 0;
    while (clerk < side->clerk_count && !signed_by(roll, &side->clerks[clerk])) {
        clerk++;
    }
    return clerk;
}

bool roll_names(const struct roll *roll, const struct id *treaty) {
    for (size_t i = 0; i < roll->treaty_count; i++) {
        if (id_equal(&roll->treaties[i], treaty)) {
            return true;
        }
    }
    return false;
}

bool roll_removes(const struct roll *roll, const uint8_t what[32]) {
    for (size_t i = 0; i < roll->removed_count; i++) {
        if (memcmp(roll->removed[i].b, what, sizeof roll->removed[i].b) == 0) {
            return true;
        }
    }
    return false;
}

bool roll_keep(struct roll rolls[CLERKS_MAX], size_t clerk, const struct roll *roll) {
    bool newer = roll->head.created.ms > rolls[clerk].head.created.ms;
    if (newer) {
        rolls[clerk] = *roll;
    }
    return newer;
}

/* Of those whose clerk no other one's removes. */
const struct roll *roll_counting(const struct roll rolls[CLERKS_MAX],
                                 const struct treaty_side *side, struct instant now) {
    const struct roll *first = NULL;
    for (size_t i = 0; i < side->clerk_count; i++) {
        const struct roll *roll = &rolls[i];
        if (roll->head.created.ms > 0 && !roll_disowned(rolls, side, i, now) &&
            (first == NULL || goes_before(roll, first, now))) {
            first = roll;
        }
    }
    return first;
}

/* A clerk that was removed there can sign rolls still, and would say that it belongs: the others
 * name its key. Where two name each other nobody here knows which one lies, so neither counts. */
bool roll_disowned(const struct roll rolls[CLERKS_MAX], const struct treaty_side *side,
                   size_t clerk, struct instant now) {
    bool disowned = false;
    for (size_t i = 0; i < side->clerk_count; i++) {
        const struct roll *roll = &rolls[i];
        disowned = disowned || (i != clerk && !instant_reached(now, roll->head.expires) &&
                                roll_removes(roll, side->clerks[clerk].b));
    }
    return disowned;
}

/* A clerk that was away says at first what it knew before; but when acts have lost it stays so. So
 * of those that have not expired the one with the newest acts counts, whatever came first. */
static bool goes_before(const struct roll *one, const struct roll *other, struct instant now) {
    bool lives = !instant_reached(now, one->head.expires);
    if (lives != !instant_reached(now, other->head.expires)) {
        return lives;
    }
    return lives && one->version != other->version ? one->version > other->version
                                                   : one->head.created.ms > other->head.created.ms;
}

/* The roll says who is in standing, so certificates are not asked when they end. */
enum err membership_verify(const struct treaty_side *side, const struct membership *membership,
                           struct instant now, struct far_member *out) {
    const struct instant any = {0};
    struct merkle_proof proof = {.count = membership->hash_count};
    struct id leaf;
    enum err err = verify_roll(side, membership->roll, now, &out->clerk, &out->roll);
    if (err != ERR_OK) {
        return err;
    }
    struct governance *founded = calloc(1, sizeof *founded);
    if (founded == NULL) {
        return ERR_HOST_MEMORY;
    }
    for (size_t i = 0; err == ERR_OK && i < membership->chain_count; i++) {
        struct signed_object part;
        err = signed_decode(membership->chain[i], &part);
        if (err == ERR_OK && part.kind != OBJECT_MEMBER) {
            err = ERR_PEER_CERTIFICATE; /* no renewals: the last part is the author's certificate */
        }
    }
    founded->community = side->community;
    founded->founding.invite_allowance = side->allowance;
    founded->founding.administrator_count = side->founder_count;
    memcpy(founded->founding.administrators, side->founders, sizeof side->founders);
    if (err == ERR_OK) {
        err = chain_verify(founded, membership->chain, membership->chain_count, any, &out->member,
                           &out->certificate);
    }
    free(founded);
    if (err != ERR_OK) {
        return err;
    }
    merkle_leaf(BYTES_OF(out->certificate.b), &leaf);
    memcpy(proof.hashes, membership->hashes, proof.count * sizeof proof.hashes[0]);
    return merkle_verify_inclusion(&leaf, membership->index, out->roll.member_count, &proof,
                                   &out->roll.members)
               ? ERR_OK
               : ERR_PEER_CERTIFICATE;
}

/* ---- crossings ---- */

enum err crossing_verify(const struct governance *governance, const struct crossing *crossing,
                         struct instant now, struct crossed *out) {
    const struct agreed *agreed =
        governance_treaty(governance, &crossing->treaty, crossing->head.created);
    if (!id_equal(&crossing->head.community, &governance->community)) {
        return ERR_PEER_CERTIFICATE;
    }
    if (agreed == NULL) {
        return ERR_DENY_TREATY;
    }
    const struct treaty_side *far = treaty_far_side(&agreed->treaty, &governance->community);
    enum err err =
        membership_verify(far, &crossing->membership, crossing->head.created, &out->author);
    if (err == ERR_OK) {
        err = signed_decode(crossing->object, &out->object);
    }
    if (err == ERR_OK && out->object.kind != OBJECT_ROLL &&
        !roll_names(&out->author.roll, &crossing->treaty)) {
        err = ERR_DENY_TREATY;
    }
    if (err != ERR_OK) {
        return err;
    }
    switch ((int)out->object.kind) {
    case OBJECT_REQUEST:
        return verify_request(crossing, &agreed->treaty, far, now, out);
    case OBJECT_WITHDRAWAL:
        return verify_withdrawal(crossing, now, out);
    case OBJECT_ROLL:
        return verify_crossed_roll(crossing, now, out);
    default:
        return ERR_PEER_CERTIFICATE;
    }
}

static enum err verify_request(const struct crossing *crossing, const struct treaty *treaty,
                               const struct treaty_side *far, struct instant now,
                               struct crossed *out) {
    const struct request *request = &out->request;
    const struct roll *roll = &out->author.roll;
    const struct member *author = &out->author.member;
    struct charter asking = {.role_count = roll->role_count};
    enum err err = request_decode(out->object.body, &out->request);
    if (err == ERR_OK) {
        err = verify_author(&request->head, crossing, now, &out->author);
    }
    if (err == ERR_OK && !instant_reached(request->head.created, treaty->created)) {
        err = ERR_DENY_EXPIRED; /* whoever asked it was told of no other community */
    }
    if (err != ERR_OK) {
        return err;
    }
    if (!signed_by_owner_of(&out->object, author) ||
        !box_public_equal(&request->transport, &author->transport)) {
        return ERR_PEER_SIGNATURE;
    }
    err = legal_refuse_always(request, NULL);
    if (err == ERR_OK && request->terms.delete_by.ms <= request->head.created.ms) {
        err = ERR_PEER_BOUNDS;
    }
    if (err != ERR_OK) {
        return err;
    }
    memcpy(asking.roles, roll->roles, sizeof asking.roles);
    if ((charter_instruments(&asking, author->role) >> request->instrument.kind & 1) == 0) {
        return ERR_DENY_ROLE;
    }
    if (request->to.ms - request->from.ms > (int64_t)roll->caps.span_s * 1000 ||
        geo_place_area_m2(&request->place) > roll->caps.area_m2) {
        return ERR_DENY_CAP;
    }
    return treaty_crosses(treaty, &far->community, request, author->role);
}

static enum err verify_withdrawal(const struct crossing *crossing, struct instant now,
                                  struct crossed *out) {
    enum err err = withdrawal_decode(out->object.body, &out->withdrawal);
    if (err == ERR_OK && !signed_by_owner_of(&out->object, &out->author.member)) {
        err = ERR_PEER_SIGNATURE;
    }
    return err == ERR_OK ? verify_author(&out->withdrawal.head, crossing, now, &out->author) : err;
}

/* With the membership of the clerk that signed it: of each clerk one is kept. */
static enum err verify_crossed_roll(const struct crossing *crossing, struct instant now,
                                    const struct crossed *crossed) {
    if (!bytes_equal(crossing->object, crossing->membership.roll)) {
        return ERR_PEER_CERTIFICATE;
    }
    return signed_by(&crossed->object, &crossed->author.member.node)
               ? verify_author(&crossed->author.roll.head, crossing, now, &crossed->author)
               : ERR_PEER_SIGNATURE;
}

static bool signed_by_owner_of(const struct signed_object *object, const struct member *member) {
    bool good = false;
    for (size_t i = 0; i < member->owner_count && !good; i++) {
        good = signed_by(object, &member->owners[i].sign);
    }
    return good;
}

/* It was made in its author's own community: so it cannot cross twice. */
static enum err verify_author(const struct head *head, const struct crossing *crossing,
                              struct instant now, const struct far_member *author) {
    if (!id_equal(&head->community, &author->member.head.community) ||
        !id_equal(&head->author, &author->certificate) ||
        head->expires.ms != crossing->head.expires.ms) {
        return ERR_PEER_CERTIFICATE;
    }
    int64_t latest = now.ms < crossing->head.created.ms ? now.ms : crossing->head.created.ms;
    return head->created.ms > latest + ROLL_FUTURE_MAX_MS ? ERR_DENY_TIME : ERR_OK;
}
