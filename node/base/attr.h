/* Attributes that the whole program uses. */
#ifndef NODE_BASE_ATTR_H
#define NODE_BASE_ATTR_H

/* The caller has to look at the answer. */
#define MUST_USE __attribute__((warn_unused_result))

/* Calls `undo(&variable)` when the variable goes out of scope. */
#define SCOPED(undo) __attribute__((cleanup(undo)))

#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
