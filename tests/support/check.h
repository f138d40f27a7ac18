/* cmocka with the words of our tests. */
#ifndef TESTS_SUPPORT_CHECK_H
#define TESTS_SUPPORT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/base/err.h"

#define CHECK(fact) _assert_true((fact) ? 1 : 0, #fact, __FILE__, __LINE__)
#define CHECK_ERR(expected, got)                                                                   \
    _assert_string_equal(err_name(expected), err_name(got), __FILE__, __LINE__)

#endif
