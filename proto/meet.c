#include "proto/meet.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "node/base/assert.h"

/* Common English nouns and colours, chosen to be told apart over a bad line: no two begin with the
 * same three letters, and no two differ in one letter only. Sorted; the place is the byte. */
static const char words[MEET_LIST_WORDS][MEET_WORD_BYTES] = {
    "acorn",   "album",   "almond",  "amber",   "anchor",  "apple",   "april",   "arrow",
    "artist",  "attic",   "autumn",  "axle",    "bacon",   "badge",   "baker",   "bamboo",
    "banana",  "barrel",  "basket",  "beach",   "beetle",  "berry",   "bicycle", "birch",
    "bishop",  "blanket", "blossom", "board",   "bonnet",  "border",  "bottle",  "branch",
    "bridge",  "bronze",  "brush",   "bubble",  "bucket",  "button",  "cabin",   "cactus",
    "camel",   "candle",  "carpet",  "castle",  "cedar",   "cellar",  "chalk",   "cherry",
    "chimney", "circle",  "city",    "clover",  "cobalt",  "cocoa",   "coffee",  "comet",
    "copper",  "coral",   "cotton",  "cousin",  "cricket", "curtain", "cycle",   "daisy",
    "dancer",  "desert",  "diary",   "dinner",  "dolphin", "donkey",  "dragon",  "drum",
    "eagle",   "elbow",   "emerald", "engine",  "evening", "fabric",  "falcon",  "farmer",
    "feather", "fence",   "fiddle",  "finger",  "flag",    "flute",   "forest",  "fossil",
    "fox",     "frost",   "fruit",   "funnel",  "galaxy",  "garden",  "goat",    "gold",
    "goose",   "guitar",  "gull",    "hammer",  "harbor",  "hazel",   "hedge",   "helmet",
    "heron",   "honey",   "hotel",   "humble",  "icicle",  "igloo",   "indigo",  "insect",
    "iron",    "island",  "ivory",   "jacket",  "jelly",   "jewel",   "jigsaw",  "juice",
    "kayak",   "kettle",  "king",    "kitten",  "koala",   "ladder",  "lagoon",  "lamp",
    "lantern", "laundry", "lemon",   "letter",  "lily",    "linen",   "lizard",  "lobster",
    "locket",  "lunch",   "lyric",   "magnet",  "mango",   "maple",   "market",  "meadow",
    "melon",   "mercury", "metal",   "mirror",  "mother",  "muffin",  "mustard", "napkin",
    "nectar",  "needle",  "nephew",  "night",   "noodle",  "north",   "novel",   "nugget",
    "nutmeg",  "oak",     "oasis",   "ocean",   "olive",   "onion",   "opera",   "orange",
    "orchard", "otter",   "oven",    "owl",     "oyster",  "paddle",  "palace",  "panda",
    "parrot",  "pebble",  "pepper",  "piano",   "picnic",  "pigeon",  "pillow",  "planet",
    "plum",    "poet",    "pony",    "potato",  "prairie", "pumpkin", "puzzle",  "python",
    "quarry",  "queen",   "quill",   "rabbit",  "radio",   "raisin",  "raven",   "ribbon",
    "rice",    "river",   "robin",   "rose",    "ruby",    "rug",     "salmon",  "sandal",
    "saturn",  "scarf",   "school",  "seal",    "shadow",  "silver",  "sister",  "skate",
    "snow",    "sofa",    "spider",  "spoon",   "stone",   "summer",  "swan",    "table",
    "tailor",  "teacup",  "temple",  "thimble", "thunder", "tiger",   "timber",  "tomato",
    "topaz",   "tower",   "train",   "tulip",   "turtle",  "uncle",   "unicorn", "valley",
    "velvet",  "village", "violin",  "volcano", "wagon",   "walnut",  "water",   "whale",
    "window",  "wolf",    "yacht",   "yellow",  "yogurt",  "zebra",   "zero",    "zigzag",
};

static const char parting[] = " ,.-\t";

static bool find_word(const char *text, size_t len, uint8_t *out);
static bool read_number(const char *text, size_t len, uint8_t *out);

const char *meet_word(size_t number) {
    return number < MEET_LIST_WORDS ? words[number] : NULL;
}

void meet_words(struct bytes from, char out[MEET_WORDS_BYTES]) {
    size_t len = 0;
    ASSERT(from.len <= MEET_KEY_WORDS);
    out[0] = '\0';
    for (size_t i = 0; i < from.len; i++) {
        len += (size_t)snprintf(out + len, MEET_WORDS_BYTES - len, "%s%s", i == 0 ? "" : " ",
                                words[from.at[i]]);
    }
}

bool meet_is_over(const struct introduction *introduction, struct instant now) {
    const int64_t spare = (int64_t)MEET_CLOCK_MINUTES * DURATION_MINUTE_MS;
    return instant_reached(now, (struct instant){introduction->expires.ms + spare});
}

void meet_code_write(const struct meet_code *code, char out[MEET_CODE_BYTES]) {
    char three[MEET_WORDS_BYTES];
    meet_words(BYTES_OF(code->words), three);
    (void)snprintf(out, MEET_CODE_BYTES, "%u %s", code->number % MEET_CODE_NUMBERS, three);
}

enum err meet_code_read(const char *text, struct meet_code *out, const char **wrong) {
    struct meet_code code = {0};
    size_t count = 0;
    *wrong = NULL;
    for (text += strspn(text, parting); *text != '\0'; text += strspn(text, parting)) {
        size_t len = strcspn(text, parting);
        if (count > MEET_CODE_WORDS) {
            return ERR_USER_SYNTAX;
        }
        bool known = count == 0 ? read_number(text, len, &code.number)
                                : find_word(text, len, &code.words[count - 1]);
        if (!known) {
            *wrong = text;
            return ERR_USER_SYNTAX;
        }
        count++;
        text += len;
    }
    if (count != 1 + MEET_CODE_WORDS) {
        return ERR_USER_SYNTAX;
    }
    *out = code;
    return ERR_OK;
}

void meet_commitment(const struct id *community, const struct meet_side *side,
                     const struct id *peer, uint8_t out[32]) {
    uint8_t about[96];
    memcpy(about, community->b, 32);
    memcpy(about + 32, side->certificate.b, 32);
    memcpy(about + 64, peer->b, 32);
    hash_labelled("stoop meet commitment v1", BYTES_OF(side->nonce), BYTES_OF(about), out, 32);
}

void meet_compare_words(const struct id *community, const struct meet_side *a,
                        const struct meet_side *b, char out[MEET_WORDS_BYTES]) {
    const struct meet_side *first = id_compare(&a->certificate, &b->certificate) < 0 ? a : b;
    const struct meet_side *second = first == a ? b : a;
    uint8_t both[32 + 2 * (32 + MEET_NONCE_BYTES)];
    uint8_t hash[32];
    memcpy(both, community->b, 32);
    memcpy(both + 32, first->certificate.b, 32);
    memcpy(both + 64, first->nonce, MEET_NONCE_BYTES);
    memcpy(both + 96, second->certificate.b, 32);
    memcpy(both + 128, second->nonce, MEET_NONCE_BYTES);
    hash_labelled("stoop meet words v1", (struct bytes){NULL, 0}, BYTES_OF(both), hash,
                  sizeof hash);
    meet_words((struct bytes){hash, MEET_CHECK_WORDS}, out);
}

static bool find_word(const char *text, size_t len, uint8_t *out) {
    for (size_t i = 0; i < MEET_LIST_WORDS; i++) {
        if (strlen(words[i]) == len && strncasecmp(words[i], text, len) == 0) {
            *out = (uint8_t)i;
            return true;
        }
    }
    return false;
}

static bool read_number(const char *text, size_t len, uint8_t *out) {
    if (len == 0 || len > 2 || strspn(text, "0123456789") < len || (len == 2 && text[0] == '0')) {
        return false;
    }
    *out = (uint8_t)(len == 1 ? text[0] - '0' : 10 * (text[0] - '0') + (text[1] - '0'));
    return true;
}
