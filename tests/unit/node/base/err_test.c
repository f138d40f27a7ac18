#include "node/base/err.h"

#include <string.h>

#include "node/base/bytes.h"
#include "tests/support/check.h"

static const enum err all[] = {
#define X(code, text) code,
    ERR_TABLE(X)
#undef X
};

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

/* A link is closed, and its peer shunned, for these alone. */
static void test_only_what_a_peer_did_is_its_fault(void **state) {
    (void)state;
    CHECK(err_is_peers(ERR_PEER_MALFORMED));
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        CHECK(err_is_peers(all[i]) == begins(err_name(all[i]), "ERR_PEER_"));
    }
    CHECK(!err_is_peers(ERR_DENY_TIME));
    CHECK(!err_is_peers(ERR_FULL_TABLE));
    CHECK(!err_is_peers(ERR_HOST_DISK));
}

static void test_the_first_word_says_who_must_act(void **state) {
    (void)state;
    static const char *const words[] = {"ERR_PEER_", "ERR_USER_", "ERR_DENY_", "ERR_FULL_",
                                        "ERR_HOST_"};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        size_t found = all[i] == ERR_OK ? 1 : 0;
        for (size_t k = 0; k < COUNT_OF(words); k++) {
            found += begins(err_name(all[i]), words[k]) ? 1 : 0;
        }
        CHECK(found == 1);
    }
}

/* It is put behind what a command says, with no full stop of its own. */
static void test_each_has_a_text_of_its_own(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        const char *text = err_text(all[i]);
        CHECK(text[0] != '\0' && text[strlen(text) - 1] != '.');
        for (size_t k = 0; k < i; k++) {
            CHECK(strcmp(text, err_text(all[k])) != 0);
        }
    }
    assert_string_equal("unknown error", err_text((enum err)COUNT_OF(all)));
    assert_string_equal("ERR_?", err_name((enum err)COUNT_OF(all)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_a_peer_did_is_its_fault),
        cmocka_unit_test(test_the_first_word_says_who_must_act),
        cmocka_unit_test(test_each_has_a_text_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
