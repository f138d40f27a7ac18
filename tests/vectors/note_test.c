/* The example of c2sp.org/signed-note. */
#include <stdlib.h>
#include <string.h>

#include "crypto/note.h"
#include "tests/support/check.h"
#include "tests/support/vectors.h"

#define VECTORS "../shared/vectors/tlog/c2sp-signed-note-example.json"

static void test_the_published_example_verifies_and_no_byte_of_it_may_change(void **state) {
    (void)state;
    json_t *vector = vectors_load(VECTORS, 0);
    const char *vkey = json_string_value(json_object_get(vector, "vkey"));
    const char *note = json_string_value(json_object_get(vector, "note"));
    struct note_key key;
    struct bytes text;
    char again[NOTE_KEY_MAX];
    CHECK(vkey != NULL && note != NULL);

    CHECK_ERR(ERR_OK, note_key_read(vkey, &key));
    CHECK(key.type == NOTE_LOG);
    note_key_write(&key, again);
    assert_string_equal(vkey, again);
    CHECK_ERR(ERR_OK, note_verify(BYTES_TEXT(note), &key, &text));
    CHECK(bytes_equal(text, BYTES_TEXT("This is an example message.\n")));

    char *changed = strdup(note);
    CHECK(changed != NULL);
    for (size_t i = 0; i < strlen(note); i++) {
        changed[i] = (char)(note[i] ^ 1);
        CHECK(note_verify(BYTES_TEXT(changed), &key, &text) != ERR_OK);
        changed[i] = note[i];
    }
    free(changed);
    json_decref(vector);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_published_example_verifies_and_no_byte_of_it_may_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
