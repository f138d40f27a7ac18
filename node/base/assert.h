/* Assertions stay on in every build: a node that has lost its invariants stops before it discloses
 * something. One fact per ASSERT; outside input never reaches one. */
#ifndef NODE_BASE_ASSERT_H
#define NODE_BASE_ASSERT_H

#define ASSERT(fact) ((fact) ? (void)0 : assert_failed(#fact, __FILE__, __LINE__))

/* Prints one line to stderr and aborts. */
_Noreturn void assert_failed(const char *fact, const char *file, int line);

#endif
